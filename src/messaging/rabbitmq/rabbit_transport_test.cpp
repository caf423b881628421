// Against a real server. What all transports have to do is in the suite; here is what is RabbitMQ's own.
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tidings/base/id.hpp>
#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/servers/rabbit_server.hpp>

#include "../testing/fault_proxy.hpp"
#include "../testing/task_runner.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;
using servers::RabbitServer;
using servers::SharedRabbit;
using testing::FaultProxy;
using testing::Faults;
using testing::TaskRunner;

class RabbitTransportTest : public ::testing::Test {
 protected:
  RabbitTransportTest() : timers_(runner_.executor()), queue_("q." + RandomToken(12)) {}
  ~RabbitTransportTest() override {
    transport_.reset();
    runner_.Poll();
  }

  static RabbitOptions Options(std::uint16_t port) {
    RabbitOptions options(RabbitServer::Url(port));
    options.most_pause = 300ms;
    return options;
  }
  RabbitTransport& Use(RabbitOptions options) {
    auto made = RabbitTransport::Make(runner_.executor(), timers_, ledger_, std::move(options));
    EXPECT_TRUE(made) << made.error().message();
    transport_ = std::move(*made);
    return *transport_;
  }
  RabbitTransport& Use() { return Use(Options(SharedRabbit().port())); }

  template <class T>
  T Run(Task<Result<T>> task, std::chrono::milliseconds deadline = TaskRunner::kDeadline) {
    auto result = runner_.Run(std::move(task), deadline);
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
  }
  void Do(Task<Status> task, std::chrono::milliseconds deadline = TaskRunner::kDeadline) {
    const auto result = runner_.Run(std::move(task), deadline);
    if (!result) throw std::runtime_error(result.error().message());
  }
  Topology Queue(QueueOptions options = QueueOptions()) {
    Topology topology;
    topology.AddQueue(queue_, options);
    return topology;
  }
  Address To() const { return Address::Queue(queue_); }
  std::optional<Delivery> Pop(std::chrono::milliseconds timeout = 10s) { return Run(transport_->Pop(queue_, timeout)); }

  TaskRunner runner_;
  SystemTimers timers_;
  LossLedger ledger_;
  std::string queue_;
  std::unique_ptr<RabbitTransport> transport_;
};

TEST_F(RabbitTransportTest, WhatAStoppedConsumerHadFetchedComesInItsOrder) {
  RabbitTransport& transport = Use();
  // Only so does the next one wait for what the one before gives back: they speak over channels of their own.
  QueueOptions options;
  options.single_active = true;
  Do(transport.Declare(Queue(options)));
  std::vector<Outgoing> all;
  for (int i = 0; i < 400; ++i) all.emplace_back(To(), Message(std::to_string(i)));
  Do(transport.PublishAll(std::move(all)));
  int next = 0;
  const auto take = [&](Consumer& consumer, int count) {
    for (const int end = next + count; next < end; ++next) {
      auto delivery = Run(consumer.Next());
      ASSERT_EQ(delivery.message().body, std::to_string(next));
      Do(delivery.Ack());
    }
  };
  // Each has fetched ahead of what it handled.
  for (int round = 0; round < 6; ++round) {
    auto consumer = Run(transport.Consume(queue_, ConsumeOptions(64)));
    take(*consumer, 40);
    if (round % 2 == 0) runner_.Run(consumer->Stop());
  }
  auto last = Run(transport.Consume(queue_, ConsumeOptions(64)));
  take(*last, 400 - next);
}

TEST_F(RabbitTransportTest, OneConsumerIsActiveAndTheNextGoesOnInOrder) {
  RabbitTransport& transport = Use();
  QueueOptions options;
  options.single_active = true;
  Do(transport.Declare(Queue(options)));
  std::vector<Outgoing> all;
  for (int i = 0; i < 100; ++i) all.emplace_back(To(), Message(std::to_string(i)));
  Do(transport.PublishAll(std::move(all)));
  auto first = RabbitTransport::Make(runner_.executor(), timers_, ledger_, Options(SharedRabbit().port()));
  ASSERT_TRUE(first);
  auto active = Run((*first)->Consume(queue_, ConsumeOptions(32)));
  auto held = Run(active->Next());
  EXPECT_EQ(held.message().body, "0");
  auto waiting = Run(transport.Consume(queue_, ConsumeOptions(32)));
  Do(held.Ack());
  EXPECT_EQ(Run(active->Next()).message().body, "1");
  // Its connections end in the middle.
  active.reset();
  first->reset();
  for (int i = 1; i < 100; ++i) {
    auto delivery = Run(waiting->Next());
    ASSERT_EQ(delivery.message().body, std::to_string(i));
    Do(delivery.Ack());
  }
}

TEST_F(RabbitTransportTest, PublishesAndHandsOut) {
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  Message message("order.created", std::string("\x00\xff", 2));
  message.key = "7";
  message.headers = {{"a", "1"}, {"content-type", "text/plain"}, {"b", "ž"}};
  EXPECT_EQ(Run(transport.Publish(To(), message)), 1u);
  EXPECT_EQ(Run(transport.Stats(queue_)).ready, 1u);
  auto delivery = Pop();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message(), message);
  EXPECT_EQ(delivery->deliveries(), 1u);
  Do(delivery->Nack());
  auto consumer = Run(transport.Consume(queue_, ConsumeOptions(4)));
  auto again = Run(consumer->Next());
  EXPECT_EQ(again.message(), message);
  EXPECT_EQ(again.deliveries(), 2u);
  EXPECT_EQ(again.attempt(), 1u);
  Do(again.Ack());
  runner_.Run(consumer->Stop());
  EXPECT_FALSE(Pop(0ms));
}

TEST_F(RabbitTransportTest, SaysWhatHasNoRoute) {
  RabbitTransport& transport = Use();
  Topology topology;
  const std::string exchange = "x." + queue_;
  topology.AddExchange(exchange, ExchangeKind::kTopic);
  Do(transport.Declare(topology));
  const auto none = runner_.Run(transport.Publish(Address::Exchange(exchange, "a.b"), Message("m")));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  PublishOptions any;
  any.require_route = false;
  EXPECT_EQ(Run(transport.Publish(Address::Exchange(exchange, "a.b"), Message("m"), any)), 0u);
  EXPECT_EQ(ledger_.Of(LossCause::kUnrouted), 1u);
}

// RabbitMQ closes the channel for one bad message; the others on it are accepted all the same, and the bad one is told.
TEST_F(RabbitTransportTest, OneMessageForAMissingExchangeSpoilsNoOther) {
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  int accepted = 0;
  int missing = 0;
  for (int i = 0; i < 40; ++i) {
    runner_.Spawn([](RabbitTransport& to, Address address, int& good, int& bad) -> Task<void> {
      const auto published = co_await to.Publish(std::move(address), Message("m"));
      ++(published ? good : bad);
      if (!published) EXPECT_EQ(published.error().code(), ErrorCode::kNotFound) << published.error().message();
    }(transport, i % 10 == 3 ? Address::Exchange("missing." + queue_, "k") : To(), accepted, missing));
  }
  ASSERT_TRUE(runner_.Until([&] { return accepted + missing == 40; }));
  EXPECT_EQ(missing, 4);
  EXPECT_GE(Run(transport.Stats(queue_)).ready, 36u);
}

TEST_F(RabbitTransportTest, UsesAClassicQueueAsItIsFound) {
  QueueOptions classic;
  classic.quorum = false;
  classic.dead_letters = false;
  Do(Use().Declare(Queue(classic)));
  // Another process, which asks for a quorum queue with dead letters.
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  Run(transport.Publish(To(), Message("m")));
  auto delivery = Pop();
  ASSERT_TRUE(delivery);
  Do(delivery->Bury(DeathReason::kRejected, "no", timers_.Now()));
  ASSERT_TRUE(runner_.Until([&] { return Run(transport.Stats(queue_ + ".dead")).ready == 1; }));
}

TEST_F(RabbitTransportTest, AnotherKindOfExchangeIsAConflict) {
  RabbitTransport& transport = Use();
  Topology direct;
  direct.AddExchange("k." + queue_, ExchangeKind::kDirect);
  Do(transport.Declare(direct));
  Topology fanout;
  fanout.AddExchange("k." + queue_, ExchangeKind::kFanout);
  const auto declared = runner_.Run(transport.Declare(fanout));
  ASSERT_FALSE(declared);
  EXPECT_EQ(declared.error().code(), ErrorCode::kConflict) << declared.error().message();
  Topology transient;
  transient.AddExchange("k." + queue_, ExchangeKind::kDirect, false);
  Do(transport.Declare(transient));
}

TEST_F(RabbitTransportTest, RetriesWithNewHeadersAtOnceAndLater) {
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  const Message message("job", "b");
  Run(transport.Publish(To(), message));
  auto first = Pop();
  ASSERT_TRUE(first);
  Do(first->Retry("it failed", 0ms, timers_.Now()));
  auto second = Pop();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->attempt(), 2u);
  EXPECT_EQ(second->message().id, message.id);
  const Millis begin = timers_.Steady();
  Do(second->Retry("again", 300ms, timers_.Now()));
  EXPECT_EQ(Run(transport.Stats(queue_)).delayed, 1u);
  auto third = Pop();
  ASSERT_TRUE(third);
  EXPECT_GE(timers_.Steady() - begin, 300);
  EXPECT_EQ(third->attempt(), 3u);
  Do(third->Bury(DeathReason::kFailed, "for good", timers_.Now()));
  queue_ += ".dead";
  auto dead = Pop();
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->message().headers.Get(header::kDeathError), "for good");
  Do(dead->Ack());
}

TEST_F(RabbitTransportTest, TheBrokerStopsAMessageThatKillsItsConsumers) {
  RabbitTransport& transport = Use();
  QueueOptions options;
  options.delivery_limit = 2;
  Do(transport.Declare(Queue(options)));
  Run(transport.Publish(To(), Message("poison", "b")));
  for (int i = 0; i < 3; ++i) {
    const auto dropped = Pop();
    ASSERT_TRUE(dropped) << i;
  }
  EXPECT_FALSE(Pop(200ms));
  queue_ += ".dead";
  auto dead = Pop();
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->message().headers.Get(header::kDeathReason), "delivery-limit");
}

TEST_F(RabbitTransportTest, ExpiredMessagesComeAmongTheDead) {
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  PublishOptions options;
  options.ttl = 50ms;
  Run(transport.Publish(To(), Message("m"), options));
  const std::string queue = std::exchange(queue_, queue_ + ".dead");
  auto dead = Pop();
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->message().headers.Get(header::kDeathReason), "expired");
  EXPECT_EQ(dead->message().headers.Get(header::kDeathQueue), queue);
}

TEST_F(RabbitTransportTest, AStaleDeliveryIsAConflictAndComesAgain) {
  FaultProxy proxy(SharedRabbit().port());
  RabbitTransport& transport = Use(Options(proxy.port()));
  Do(transport.Declare(Queue()));
  Run(transport.Publish(To(), Message("m")));
  auto consumer = Run(transport.Consume(queue_));
  auto stale = Run(consumer->Next());
  proxy.Cut();
  auto fresh = Run(consumer->Next());
  EXPECT_EQ(fresh.message().id, stale.message().id);
  const auto late = runner_.Run(stale.Ack());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kConflict);
  Do(fresh.Ack());
  EXPECT_FALSE(Pop(0ms));
}

TEST_F(RabbitTransportTest, ExclusiveQueuesComeBackWithTheConnection) {
  FaultProxy proxy(SharedRabbit().port());
  RabbitTransport& transport = Use(Options(proxy.port()));
  QueueOptions options;
  options.durable = false;
  options.exclusive = true;
  Topology topology = Queue(options);
  topology.AddExchange("e." + queue_, ExchangeKind::kFanout, false).Bind("e." + queue_, queue_);
  Do(transport.Declare(topology));
  auto consumer = Run(transport.Consume(queue_));
  proxy.Cut();
  Run(transport.Publish(Address::Exchange("e." + queue_, ""), Message("m")));
  auto delivery = Run(consumer->Next());
  Do(delivery.Ack());
}

TEST_F(RabbitTransportTest, ABlockedBrokerTakesNothingAndItsConsumersGoOn) {
  RabbitOptions options = Options(SharedRabbit().port());
  options.publish_timeout = 1'500ms;
  RabbitTransport& transport = Use(options);
  Do(transport.Declare(Queue()));
  for (int i = 0; i < 3; ++i) Run(transport.Publish(To(), Message("m")));
  auto consumer = Run(transport.Consume(queue_));
  SharedRabbit().Call("vm_memory_monitor set_vm_memory_high_watermark [0.0]");
  // The one that makes the broker notice may be under way for good; what comes after it is not even sent.
  std::optional<Error> last;
  for (int i = 0; i < 3; ++i) {
    const auto published = runner_.Run(transport.Publish(To(), Message("m")));
    if (!published) last = published.error();
  }
  ASSERT_TRUE(last);
  EXPECT_EQ(last->code(), ErrorCode::kUnavailable) << last->message();
  EXPECT_NE(last->message().find("refused"), std::string::npos) << last->message();
  for (int i = 0; i < 3; ++i) {
    auto delivery = Run(consumer->Next());
    Do(delivery.Ack());
  }
  SharedRabbit().Call("vm_memory_monitor set_vm_memory_high_watermark [0.9]");
  ASSERT_TRUE(runner_.Until([&] { return runner_.Run(transport.Publish(To(), Message("m"))).has_value(); }));
}

TEST_F(RabbitTransportTest, ASilentPeerIsFoundOutByItsHeartbeat) {
  FaultProxy proxy(SharedRabbit().port());
  RabbitOptions options = Options(proxy.port());
  options.heartbeat = 1;
  RabbitTransport& transport = Use(options);
  Do(transport.Declare(Queue()));
  Run(transport.Publish(To(), Message("m")));
  proxy.Set(Faults().SwallowToClient());
  const std::uint64_t connections = proxy.connections();
  ASSERT_TRUE(runner_.Until([&] { return proxy.connections() > connections; }, 10s));
  proxy.Set(Faults());
  proxy.Cut();
  Run(transport.Publish(To(), Message("m")));
}

TEST_F(RabbitTransportTest, PubSubTellsOfItsGap) {
  FaultProxy proxy(SharedRabbit().port());
  RabbitTransport& transport = Use(Options(proxy.port()));
  auto subscription = Run(transport.pub_sub()->Subscribe({queue_}));
  EXPECT_EQ(Run(transport.pub_sub()->Publish(queue_, Message("t", "1"))), 1u);
  EXPECT_EQ(Run(transport.pub_sub()->Publish(queue_ + ".nobody", Message("t", "1"))), 0u);
  EXPECT_EQ(Run(subscription->Next()).message().body, "1");
  proxy.Cut();
  const auto gap = Run(subscription->Next());
  EXPECT_TRUE(gap.gap());
  EXPECT_EQ(Run(transport.pub_sub()->Publish(queue_, Message("t", "2"))), 1u);
  EXPECT_EQ(Run(subscription->Next()).message().body, "2");
  EXPECT_EQ(ledger_.Of(LossCause::kPubSubGap), 1u);
}

TEST_F(RabbitTransportTest, NobodyThereIsSaidWithItsReason) {
  RabbitOptions options("amqp://127.0.0.1:1");
  options.publish_timeout = 200ms;
  options.call_timeout = 200ms;
  RabbitTransport& transport = Use(options);
  const auto published = runner_.Run(transport.Publish(To(), Message("m")));
  ASSERT_FALSE(published);
  EXPECT_NE(published.error().message().find("refused"), std::string::npos);
  const auto stats = runner_.Run(transport.Stats(queue_));
  ASSERT_FALSE(stats);
  EXPECT_NE(stats.error().message().find("onnection refused"), std::string::npos) << stats.error().message();

  RabbitOptions wrong(SharedRabbit().url());
  wrong.url.replace(wrong.url.find("guest:guest"), 11, "guest:wrong");
  wrong.call_timeout = 3s;
  RabbitTransport& other = Use(wrong);
  const auto refused = runner_.Run(other.Stats(queue_));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("ACCESS_REFUSED"), std::string::npos) << refused.error().message();
}

// 128 unconfirmed messages of mixed sizes when the broker dies: each is sent again, and each is there.
TEST_F(RabbitTransportTest, LosesNothingWhenTheBrokerIsKilledInMidPublish) {
  RabbitOptions options = Options(SharedRabbit().port());
  options.window = 128;
  options.publish_timeout = 300s;  // the restart of a broker takes long on a busy machine
  RabbitTransport& transport = Use(options);
  Do(transport.Declare(Queue()));
  constexpr int kMessages = 2'000;
  std::set<std::string> accepted;
  int ended = 0;
  int under_way = 0;

  const auto publisher = [&](int number) -> Task<void> {
    for (int i = number; i < kMessages; i += 128) {
      const std::size_t size = i % 7 == 0 ? 200'000 : (i % 3 == 0 ? 3'000 : 30);
      Message message("m", std::string(size, 'x'));
      const std::string id = message.id;
      ++under_way;
      const auto published = co_await transport.Publish(To(), std::move(message));
      --under_way;
      EXPECT_TRUE(published) << published.error().message();
      if (published) accepted.insert(id);
    }
    ++ended;
  };
  for (int number = 0; number < 128; ++number) runner_.Spawn(publisher(number));
  ASSERT_TRUE(runner_.Until([&] { return accepted.size() >= 300; }));
  EXPECT_EQ(under_way, 128);
  SharedRabbit().Kill();

  SharedRabbit().Start();
  ASSERT_TRUE(runner_.Until([&] { return ended == 128; }, 120s));
  EXPECT_EQ(accepted.size(), static_cast<std::size_t>(kMessages));
  EXPECT_GT(transport.resent(), 0u);
  std::set<std::string> arrived;
  auto consumer = Run(transport.Consume(queue_, ConsumeOptions(200)));
  const auto drain = [&]() -> Task<void> {
    while (arrived.size() < accepted.size()) {
      auto delivery = co_await consumer->Next();
      if (!delivery) co_return;
      arrived.insert(delivery->message().id);
      std::ignore = co_await delivery->Ack();
    }
  };
  runner_.Run(drain(), 60s);
  EXPECT_EQ(arrived, accepted);
}

// Connections are cut while their reads wait for more.
TEST_F(RabbitTransportTest, LosesNothingWhenConnectionsAreCutWithMuchUnderWay) {
  FaultProxy proxy(SharedRabbit().port());
  RabbitTransport& transport = Use(Options(proxy.port()));
  Do(transport.Declare(Queue()));
  constexpr int kMessages = 6'000;
  constexpr int kPublishers = 512;
  std::set<std::string> accepted;
  std::set<std::string> arrived;
  int ended = 0;
  const auto publisher = [&](int number) -> Task<void> {
    for (int i = number; i < kMessages; i += kPublishers) {
      Message message("m", std::to_string(i));
      const std::string id = message.id;
      const auto published = co_await transport.Publish(To(), std::move(message));
      EXPECT_TRUE(published) << published.error().message();
      if (published) accepted.insert(id);
    }
    ++ended;
  };
  auto consumer = Run(transport.Consume(queue_, ConsumeOptions(256)));
  const auto consume = [&]() -> Task<void> {
    while (arrived.size() < kMessages) {
      auto delivery = co_await consumer->Next();
      if (!delivery) co_return;
      arrived.insert(delivery->message().id);
      // Of a connection that is gone: it comes again.
      std::ignore = co_await delivery->Ack();
    }
  };
  runner_.Spawn(consume());
  for (int number = 0; number < kPublishers; ++number) runner_.Spawn(publisher(number));
  for (std::size_t cut = 1; cut <= 4; ++cut) {
    ASSERT_TRUE(runner_.Until([&] { return arrived.size() >= cut * kMessages / 6; }, 60s));
    proxy.Cut();
  }
  ASSERT_TRUE(runner_.Until([&] { return ended == kPublishers && arrived.size() >= kMessages; }, 60s));
  EXPECT_EQ(arrived, accepted);
  EXPECT_GT(transport.resent(), 0u);
}

TEST_F(RabbitTransportTest, GoesOnAfterThePausedBroker) {
  RabbitTransport& transport = Use();
  Do(transport.Declare(Queue()));
  Run(transport.Publish(To(), Message("m")));
  SharedRabbit().Pause();
  std::optional<Result<std::size_t>> published;
  const auto publish = [&]() -> Task<void> { published.emplace(co_await transport.Publish(To(), Message("m"))); };
  runner_.Spawn(publish());
  runner_.RunFor(500ms);
  EXPECT_FALSE(published);
  SharedRabbit().Resume();
  ASSERT_TRUE(runner_.Until([&] { return published.has_value(); }));
  EXPECT_TRUE(*published);
  EXPECT_EQ(Run(transport.Stats(queue_)).ready, 2u);
}

}  // namespace
}  // namespace tidings::messaging
