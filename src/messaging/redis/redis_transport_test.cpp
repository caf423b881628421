// What is this transport's own; what all transports do is tested by the suites.
#include <tidings/messaging/redis/redis_transport.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/streams.hpp>

#include "../testing/task_runner.hpp"
#include "link.hpp"
#include "testing/redis_environment.hpp"

namespace tidings::redis {
namespace {

using namespace std::chrono_literals;
using messaging::Address;
using messaging::Delivery;
using messaging::LossCause;
using messaging::LossLedger;
using messaging::Message;
using messaging::Outgoing;
using messaging::PublishOptions;
using messaging::QueueOptions;
using messaging::SystemTimers;
using messaging::Topology;
using messaging::servers::RedisServer;
using messaging::testing::FaultProxy;
using messaging::testing::Faults;
using messaging::testing::TaskRunner;

class RedisTransportTest : public ::testing::Test {
 protected:
  std::unique_ptr<RedisTransport> Open(std::uint16_t port) {
    RedisUrl url;
    url.port = port;
    RedisOptions options(url, &ledger_);
    options.answer_timeout = 500ms;
    options.patience = patience_;
    return std::make_unique<RedisTransport>(runner_.executor(), timers_, options);
  }
  std::unique_ptr<RedisTransport> Open() { return Open(server().port()); }
  RedisServer& server() {
    if (!server_) server_.emplace(RedisServer::Durability::kAlways);
    return *server_;
  }
  template <class T>
  T Run(messaging::Task<T> task) {
    return runner_.Run(std::move(task));
  }
  void Publish(RedisTransport& transport, const std::string& queue, const std::string& body) {
    const auto published = Run(transport.Publish(Address::Queue(queue), Message(body), PublishOptions()));
    ASSERT_TRUE(published) << published.error().message();
  }
  // "" if there is none.
  std::string TakeOne(RedisTransport& transport, const std::string& queue, std::chrono::milliseconds timeout = 5s) {
    auto popped = Run(transport.Pop(queue, timeout));
    if (!popped) return "error: " + popped.error().message();
    if (!*popped) return "";
    const std::string body = (*popped)->message().body;
    const auto acked = Run((*popped)->Ack());
    return acked ? body : "not acked: " + acked.error().message();
  }

  TaskRunner runner_;
  SystemTimers timers_{runner_.executor()};
  LossLedger ledger_;
  std::chrono::milliseconds patience_{20'000};
  std::optional<RedisServer> server_;
};

TEST_F(RedisTransportTest, CarriesAMessage) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  Publish(*transport, "jobs", "work");
  EXPECT_EQ(TakeOne(*transport, "jobs"), "work");
  EXPECT_EQ(TakeOne(*transport, "jobs", 0ms), "");
  EXPECT_EQ(server().Send({"KEYS", "*messages"}), "*0\r\n") << "nothing is left of it";
  Run(transport->Close());
}

TEST_F(RedisTransportTest, IsInspectableByItsKeys) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  Message message = Message::WithId("id-1", "job", "work");
  message.key = "7";
  ASSERT_TRUE(Run(transport->Publish(Address::Queue("jobs"), message, PublishOptions())));
  EXPECT_EQ(server().Send({"LLEN", "{tidings}:queue:jobs:ready"}), ":1\r\n");
  EXPECT_EQ(server().Send({"HVALS", "{tidings}:queue:jobs:messages"}),
            "*1\r\n$25\r\ntidings1 id-1\njob\n7\n\nwork\r\n");
  EXPECT_EQ(server().Send({"SISMEMBER", "{tidings}:queues", "jobs"}), ":1\r\n");
}

TEST_F(RedisTransportTest, LoadsItsScriptsAgainWhenTheServerForgotThem) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  for (int i = 0; i < 3; ++i) {
    server().Send({"SCRIPT", "FLUSH"});
    Publish(*transport, "jobs", "work");
    server().Send({"SCRIPT", "FLUSH"});
    EXPECT_EQ(TakeOne(*transport, "jobs"), "work");
  }
}

TEST_F(RedisTransportTest, WhatTheServerLostIsDeclaredAgainBeforeAnythingElse) {
  server_.emplace(RedisServer::Durability::kNone);
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(
      Topology().AddExchange("orders", messaging::ExchangeKind::kFanout).AddQueue("jobs").Bind("orders", "jobs"))));
  server().Kill();
  std::optional<Result<std::size_t>> published;
  runner_.Spawn([](RedisTransport& to, std::optional<Result<std::size_t>>& result) -> messaging::Task<void> {
    auto sent = co_await to.Publish(Address::Exchange("orders", "any"), Message("work"), PublishOptions());
    result = std::move(sent);
  }(*transport, published));
  runner_.RunFor(50ms);
  server().Start();
  ASSERT_TRUE(runner_.Until([&] { return published.has_value(); }));
  EXPECT_TRUE(*published) << published->error().message();
  EXPECT_EQ(TakeOne(*transport, "jobs"), "work");
}

TEST_F(RedisTransportTest, AFullServerRefusesButCanBeDrained) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  Publish(*transport, "jobs", "work");
  server().Send({"CONFIG", "SET", "maxmemory", "1"});
  const auto refused = Run(transport->Publish(Address::Queue("jobs"), Message("more"), PublishOptions()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(refused.error().message().starts_with("refused")) << refused.error().message();
  EXPECT_EQ(TakeOne(*transport, "jobs"), "work");
  server().Send({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(TakeOne(*transport, "jobs", 0ms), "") << "what was refused is not there";
}

TEST_F(RedisTransportTest, AReplicaIsWaitedOut) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  server().Send({"REPLICAOF", "127.0.0.1", "1"});
  std::optional<Result<std::size_t>> published;
  runner_.Spawn([](RedisTransport& to, std::optional<Result<std::size_t>>& result) -> messaging::Task<void> {
    auto sent = co_await to.Publish(Address::Queue("jobs"), Message("work"), PublishOptions());
    result = std::move(sent);
  }(*transport, published));
  runner_.RunFor(100ms);
  EXPECT_FALSE(published);
  server().Send({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(runner_.Until([&] { return published.has_value(); }));
  EXPECT_TRUE(*published) << published->error().message();
}

TEST_F(RedisTransportTest, SaysThatThePasswordIsWrong) {
  server_.emplace(RedisServer::Durability::kNone, std::vector<std::string>{"--requirepass", "secret"});
  const auto stranger = Open();
  const auto refused = Run(stranger->Declare(Topology().AddQueue("jobs")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnauthorized) << refused.error().message();
  RedisUrl url = *RedisUrl::Parse("redis://:secret@127.0.0.1:" + std::to_string(server().port()) + "/2");
  RedisTransport known(runner_.executor(), timers_, RedisOptions(url));
  EXPECT_TRUE(Run(known.Declare(Topology().AddQueue("jobs"))));
}

TEST_F(RedisTransportTest, FailsInTimeWhenNobodyIsThere) {
  patience_ = 300ms;
  const messaging::servers::FreePort nobody;
  const auto transport = Open(nobody.number());
  const auto failed = Run(transport->Declare(Topology().AddQueue("jobs")));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(failed.error().message().starts_with("refused")) << failed.error().message();
}

TEST_F(RedisTransportTest, NotWhatIsKnownButWhatIsBoundRoutes) {
  const auto publisher = Open();
  const auto other = Open();
  const Topology topology = Topology()
                                .AddExchange("orders", messaging::ExchangeKind::kTopic)
                                .AddQueue("email")
                                .Bind("orders", "email", "a.*");
  ASSERT_TRUE(Run(publisher->Declare(topology)));
  ASSERT_EQ(Run(publisher->Publish(Address::Exchange("orders", "a.b"), Message("1"), PublishOptions())), 1U);
  ASSERT_TRUE(Run(other->Declare(Topology().AddQueue("all").Bind("orders", "all", "#"))));
  EXPECT_EQ(Run(publisher->Publish(Address::Exchange("orders", "a.b"), Message("2"), PublishOptions())), 2U);
  ASSERT_TRUE(Run(other->DeleteQueue("email")));
  EXPECT_EQ(Run(publisher->Publish(Address::Exchange("orders", "a.b"), Message("3"), PublishOptions())), 1U);
}

TEST_F(RedisTransportTest, AHandOutThatWasLostComesBackAtOnce) {
  FaultProxy proxy(server().port());
  const auto transport = Open(proxy.port());
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  Publish(*transport, "jobs", "work");
  proxy.Set(Faults().SwallowToClient());
  std::string taken;
  runner_.Spawn([](RedisTransport& from, std::string& body) -> messaging::Task<void> {
    auto popped = co_await from.Pop("jobs", 20s);
    if (!popped || !*popped) co_return;
    const std::string got = (*popped)->message().body + "/" + std::to_string((*popped)->deliveries());
    auto acked = co_await (*popped)->Ack();
    // Last of all: the test ends with it.
    body = acked ? got : acked.error().message();
  }(*transport, taken));
  runner_.RunFor(200ms);
  EXPECT_EQ(server().Send({"ZCARD", "{tidings}:queue:jobs:leased"}), ":1\r\n");
  proxy.Set(Faults());
  proxy.Cut();
  ASSERT_TRUE(runner_.Until([&] { return !taken.empty(); }, 10s));
  EXPECT_EQ(taken, "work/1") << "uncounted";
}

TEST_F(RedisTransportTest, WhatComesBackGoesToItsPlace) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  for (int i = 0; i < 6; ++i) Publish(*transport, "jobs", std::to_string(i));
  std::vector<Delivery> held;
  for (int i = 0; i < 4; ++i) held.push_back(std::move(**Run(transport->Pop("jobs", 5s))));
  // One by one, in another order, in every way.
  ASSERT_TRUE(Run(held[1].Nack()));
  ASSERT_TRUE(Run(held[3].Retry("broken", 0ms, timers_.Now())));
  ASSERT_TRUE(Run(held[0].Nack()));
  held.clear();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(TakeOne(*transport, "jobs"), std::to_string(i));
}

TEST_F(RedisTransportTest, WhatWasFetchedIsNotHandedOutBeforeWhatLapsed) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  for (int i = 0; i < 2; ++i) Publish(*transport, "jobs", std::to_string(i));
  messaging::ConsumeOptions options(8);
  options.lease = 600ms;
  const auto consumer = Run(transport->Consume("jobs", options));
  ASSERT_TRUE(consumer);
  std::vector<std::string> bodies;
  std::vector<Delivery> held;
  const auto take = [&](std::size_t until) -> messaging::Task<void> {
    while (bodies.size() < until) {
      auto next = co_await (*consumer)->Next();
      if (!next) co_return;
      const std::string& body = next->message().body;
      if (std::ranges::find(bodies, body) == bodies.end()) bodies.push_back(body);
      held.push_back(std::move(*next));
    }
  };
  Run(take(1));
  runner_.RunFor(150ms);
  for (int i = 2; i < 4; ++i) Publish(*transport, "jobs", std::to_string(i));
  runner_.RunFor(30ms);
  // Nothing is prolonged; the first two lapse before the others.
  server().Pause();
  runner_.RunFor(500ms);
  runner_.Spawn(take(4));
  runner_.RunFor(50ms);
  server().Resume();
  ASSERT_TRUE(runner_.Until([&] { return bodies.size() == 4; }, 20s));
  EXPECT_EQ(bodies, (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST_F(RedisTransportTest, AConsumerOutlivesErrorsThatPass) {
  const auto transport = Open();
  ASSERT_TRUE(Run(transport->Declare(Topology().AddQueue("jobs"))));
  const auto consumer = Run(transport->Consume("jobs", messaging::ConsumeOptions(8)));
  ASSERT_TRUE(consumer);
  std::vector<std::string> bodies;
  const auto take = [&]() -> messaging::Task<void> {
    for (;;) {
      auto next = co_await (*consumer)->Next();
      if (!next) co_return;
      bodies.push_back(next->message().body);
      static_cast<void>(co_await next->Ack());
    }
  };
  runner_.Spawn(take());
  Publish(*transport, "jobs", "before");
  ASSERT_TRUE(runner_.Until([&] { return bodies.size() == 1; }, 20s));
  server().Send({"CONFIG", "SET", "min-replicas-to-write", "1"});  // whatever writes is answered NOREPLICAS
  runner_.RunFor(1'500ms);
  server().Send({"CONFIG", "SET", "min-replicas-to-write", "0"});
  Publish(*transport, "jobs", "after");
  EXPECT_TRUE(runner_.Until([&] { return bodies.size() == 2; }, 20s));
}

TEST(RedisErrors, SayWhetherTheyPass) {
  for (const char* text : {"READONLY You can't write", "NOREPLICAS Not enough good replicas to write.",
                           "BUSY Redis is busy running a script.", "ERR max number of clients reached"}) {
    EXPECT_TRUE(IsTransient(text)) << text;
    EXPECT_EQ(ErrorOf(text).code(), ErrorCode::kUnavailable) << text;
  }
  for (const char* text : {"BUSYGROUP Consumer Group name already exists", "ERR syntax error", "WRONGTYPE Operation"}) {
    EXPECT_FALSE(IsTransient(text)) << text;
  }
}

TEST_F(RedisTransportTest, ASubscriberThatTheServerDroppedIsToldOfAGap) {
  const auto transport = Open();
  const auto subscription = Run(transport->pub_sub()->Subscribe({"news"}));
  ASSERT_TRUE(subscription);
  server().Send({"CLIENT", "KILL", "TYPE", "pubsub"});
  const auto gap = Run((*subscription)->Next());
  ASSERT_TRUE(gap);
  EXPECT_TRUE(gap->gap());
  EXPECT_EQ(gap->reason(), "reconnected");
  EXPECT_EQ(ledger_.Of(LossCause::kPubSubGap), 1U);
  ASSERT_TRUE(Run(transport->pub_sub()->Publish("news", Message("again"))));
  EXPECT_EQ(Run((*subscription)->Next())->message().body, "again");
}

TEST_F(RedisTransportTest, WhatWasCutOffBehindItsBackIsCounted) {
  const auto transport = Open();
  messaging::Streams& streams = *transport->streams();
  ASSERT_TRUE(Run(streams.CreateGroup("log", "readers", messaging::StreamId())));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Run(streams.Append("log", Message(std::to_string(i)))));
  ASSERT_EQ(Run(streams.ReadGroup("log", "readers", "me", 3, 0ms))->size(), 3U);
  server().Send({"XTRIM", "{tidings}:stream:log", "MAXLEN", "1"});
  const auto claimed = Run(streams.Claim("log", "readers", "other", 0ms, 10));
  ASSERT_TRUE(claimed) << claimed.error().message();
  ASSERT_EQ(claimed->size(), 1U);
  EXPECT_EQ(claimed->front().deliveries, 2U);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 2U);
}

TEST_F(RedisTransportTest, AGroupThatTheServerLostIsMadeAgainWhereItWas) {
  const auto transport = Open();
  messaging::Streams& streams = *transport->streams();
  ASSERT_TRUE(Run(streams.CreateGroup("log", "readers", messaging::StreamId())));
  std::vector<messaging::StreamId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(*Run(streams.Append("log", Message(std::to_string(i)))));
  ASSERT_EQ(Run(streams.ReadGroup("log", "readers", "me", 3, 0ms))->size(), 3U);
  ASSERT_EQ(Run(streams.Acknowledge("log", "readers", {ids[0], ids[2]})), 2U);
  server().Send({"XGROUP", "DESTROY", "{tidings}:stream:log", "readers"});
  const auto again = Run(streams.ReadGroup("log", "readers", "me", 10, 0ms));
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_EQ(again->size(), 3U) << "from the oldest that was not acknowledged";
  EXPECT_EQ(again->front().id, ids[1]);
}

}  // namespace
}  // namespace tidings::redis
