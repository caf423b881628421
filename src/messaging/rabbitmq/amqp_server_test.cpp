// What is the server's own, seen by our client and by bare sockets; what all transports have to do is in amqp_server_suite_test.cpp.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/rabbitmq/amqp_server.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include "../testing/task_runner.hpp"
#include "frame.hpp"
#include "server_session.hpp"
#include "server_state.hpp"
#include "testing/memory_door.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;
using rabbitmq::QueueArguments;
using rabbitmq::QueueWish;
using testing::MemoryDoor;
using testing::TaskRunner;

// Why it gets no connection; empty if it gets one.
std::string Refusal(const std::string& url) {
  TaskRunner runner;
  SystemTimers timers(runner.executor());
  LossLedger ledger;
  auto transport = *RabbitTransport::Make(runner.executor(), timers, ledger, RabbitOptions(url));
  const Status connected = runner.Run(transport->Connect(3s));
  runner.Run(transport->Close());
  transport.reset();
  runner.Poll();
  return connected ? "" : connected.error().message();
}

// What a bare connection hears until it is ended.
std::string HearTheEnd(std::uint16_t port, std::string_view said) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket(context);
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  boost::system::error_code ignored;
  boost::asio::write(socket, boost::asio::buffer(said), ignored);
  std::string heard;
  boost::asio::read(socket, boost::asio::dynamic_buffer(heard), boost::asio::transfer_all(), ignored);
  return heard;
}

TEST(AmqpServerTest, RefusesAWrongPasswordAndAnotherVirtualHost) {
  const MemoryDoor door;
  const std::string at = "@127.0.0.1:" + std::to_string(door.port());
  EXPECT_TRUE(Refusal("amqp://tidings:wrong" + at).contains("(403)"));
  EXPECT_TRUE(Refusal("amqp://guest:a%20password%20for%20tests" + at).contains("(403)"));
  EXPECT_TRUE(Refusal(door.url() + "/elsewhere").contains("(530)"));
  EXPECT_EQ(Refusal(door.url()), "");
}

TEST(AmqpServerTest, AsksForAPasswordOfItsOwn) {
  TaskRunner runner;
  SystemTimers timers(runner.executor());
  AmqpServer server(runner.executor(), timers, [] { return nullptr; }, AmqpServerOptions());
  const Status listening = server.Listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code(), ErrorCode::kInvalid);
}

TEST(AmqpServerTest, EndsWhoDoesNotLogInInTime) {
  AmqpServerOptions options;
  options.handshake = 100ms;
  const MemoryDoor door(options);
  EXPECT_EQ(HearTheEnd(door.port(), ""), "");
  EXPECT_TRUE(HearTheEnd(door.port(), rabbitmq::kProtocolHeader).contains("PLAIN")) << "asked, and not answered";
}

TEST(AmqpServerTest, TakesNoMoreConnectionsThanItMay) {
  AmqpServerOptions options;
  options.most_connections = 2;
  const MemoryDoor door(options);
  TaskRunner runner;
  SystemTimers timers(runner.executor());
  LossLedger ledger;
  auto transport = *RabbitTransport::Make(runner.executor(), timers, ledger, RabbitOptions(door.url()));
  ASSERT_TRUE(runner.Run(transport->Connect(10s))) << "which takes two";
  EXPECT_NE(Refusal(door.url()), "");
  runner.Run(transport->Close());
  transport.reset();
  runner.Poll();
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (door.connections() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(Refusal(door.url()), "");
}

TEST(AmqpServerTest, NobodyKeepsOthersOutByWaiting) {
  AmqpServerOptions options;
  options.most_connections = 8;
  const MemoryDoor door(options);
  boost::asio::io_context context;
  std::vector<boost::asio::ip::tcp::socket> idle;
  for (int i = 0; i < 20; ++i) {
    idle.emplace_back(context).connect({boost::asio::ip::make_address("127.0.0.1"), door.port()});
    boost::asio::write(idle.back(), boost::asio::buffer("AMQP", 4));
  }
  EXPECT_EQ(Refusal(door.url()), "");
}

// Memory, with declarations that wait.
class SlowTransport final : public Transport {
 public:
  SlowTransport(std::unique_ptr<Transport> inner, Signal& gate) : inner_(std::move(inner)), gate_(gate) {}
  std::string_view name() const override { return inner_->name(); }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }
  Executor executor() override { return inner_->executor(); }
  Task<Status> Declare(Topology topology) override {
    co_await gate_.Wait();
    co_return co_await inner_->Declare(std::move(topology));
  }
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options) override {
    return inner_->Publish(std::move(to), std::move(message), options);
  }
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override {
    return inner_->Pop(std::move(queue), timeout);
  }
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue, ConsumeOptions options) override {
    return inner_->Consume(std::move(queue), options);
  }
  Task<Result<QueueStats>> Stats(std::string queue) override { return inner_->Stats(std::move(queue)); }
  Task<Result<std::uint64_t>> Purge(std::string queue) override { return inner_->Purge(std::move(queue)); }
  Task<Status> DeleteQueue(std::string queue) override { return inner_->DeleteQueue(std::move(queue)); }
  Task<Result<std::vector<std::string>>> Queues() override { return inner_->Queues(); }
  Task<void> Close() override { return inner_->Close(); }

 private:
  const std::unique_ptr<Transport> inner_;
  Signal& gate_;
};

class CountingHost final : public rabbitmq::SessionHost {
 public:
  void OnOutput() override { ++told_; }

 private:
  int told_ = 0;
};

TEST(ServerSessionTest, WhatIsStillUnderWayWhenItsSocketIsGoneTellsNobody) {
  TaskRunner runner;
  VirtualTimers timers;
  LossLedger ledger;
  Signal gate(runner.executor());
  const auto broker = std::make_shared<MemoryBroker>(timers, &ledger);
  AmqpServerOptions options;
  options.password = "password";
  const auto open = [&] {
    return std::make_unique<SlowTransport>(std::make_unique<MemoryTransport>(runner.executor(), broker), gate);
  };
  auto host = std::make_unique<CountingHost>();
  const auto session = std::make_shared<rabbitmq::ServerSession>(
      std::make_shared<rabbitmq::ServerState>(runner.executor(), timers, open, options), *host, "a test");
  session->Start();
  std::string bytes(rabbitmq::kProtocolHeader);
  rabbitmq::AppendStartOk(bytes, "tidings", "password", "test");
  rabbitmq::AppendTuneOk(bytes, rabbitmq::Tuning());
  rabbitmq::AppendConnectionOpen(bytes, "/");
  rabbitmq::AppendChannelOpen(bytes, 1);
  rabbitmq::AppendExchangeDeclare(bytes, 1, "slow", "topic", true);
  session->Receive(bytes);
  ASSERT_TRUE(runner.Until([&] { return gate.waited_for(); }));

  bool ended = false;
  runner.Spawn([](std::shared_ptr<rabbitmq::ServerSession> ending, bool& done) -> Task<void> {
    co_await ending->End();
    done = true;
  }(session, ended));
  runner.Poll();
  EXPECT_FALSE(ended) << "what was asked for is waited for";
  timers.Advance(1min);
  ASSERT_TRUE(runner.Until([&] { return ended; })) << "and not for ever";
  host.reset();
  gate.NotifyAll();
  runner.Poll();
}

class QueueArgumentsTest : public ::testing::Test {
 protected:
  QueueArgumentsTest() : writer_(arguments_.table), table_(writer_) {
    capabilities_.delay = true;
    arguments_.durable = true;
  }
  // The code of its refusal; 0 if it is taken.
  std::uint16_t Read() {
    table_.End();
    arguments_.table.erase(0, 4);
    const auto refused = rabbitmq::ReadQueueArguments("q", arguments_, capabilities_, wish_);
    return refused ? refused->code : 0;
  }

  Capabilities capabilities_;
  QueueArguments arguments_;
  rabbitmq::Writer writer_;
  rabbitmq::TableWriter table_;
  QueueWish wish_;
};

TEST_F(QueueArgumentsTest, AreThoseOfAPlainQueueWhereThereAreNone) {
  ASSERT_EQ(Read(), 0);
  EXPECT_TRUE(wish_.options.durable);
  EXPECT_FALSE(wish_.options.dead_letters);
  EXPECT_EQ(wish_.options.delivery_limit, 0U);
  EXPECT_FALSE(wish_.delay);
}

TEST_F(QueueArgumentsTest, SayWhereDeadLettersGo) {
  table_.Text("x-dead-letter-exchange", "").Text("x-dead-letter-routing-key", "q.dead");
  table_.Integer("x-delivery-limit", 7).Integer("x-message-ttl", 250).Integer("x-max-length", 9);
  ASSERT_EQ(Read(), 0);
  EXPECT_TRUE(wish_.options.dead_letters);
  EXPECT_EQ(wish_.options.delivery_limit, 7U);
  EXPECT_EQ(wish_.options.message_ttl, 250ms);
  EXPECT_EQ(wish_.options.max_length, 9U);
}

TEST_F(QueueArgumentsTest, OfAQueueThatIsOnlyWaitedInNameAnotherOne) {
  table_.Text("x-dead-letter-exchange", "").Text("x-dead-letter-routing-key", "work");
  table_.Integer("x-message-ttl", 250).Integer("x-expires", 1'000);
  ASSERT_EQ(Read(), 0);
  ASSERT_TRUE(wish_.delay);
  EXPECT_EQ(wish_.delay->target, "work");
  EXPECT_EQ(wish_.delay->delay, 250ms);
}

TEST_F(QueueArgumentsTest, AreRefusedWhereSomethingElseWouldHappen) {
  table_.Text("x-dead-letter-exchange", "dlx");
  EXPECT_EQ(Read(), rabbitmq::reply::kPreconditionFailed);
}

TEST_F(QueueArgumentsTest, AreBounded) {
  table_.Integer("x-message-ttl", -1);
  EXPECT_EQ(Read(), rabbitmq::reply::kPreconditionFailed);
}

TEST_F(QueueArgumentsTest, OfAStreamAreRefused) {
  table_.Text("x-queue-type", "stream");
  EXPECT_EQ(Read(), rabbitmq::reply::kNotImplemented);
}

}  // namespace
}  // namespace tidings::messaging
