// Conformance of Transport: exchanges route as AMQP 0-9-1 says, the same on all of them.
#include "testing/transport_suite.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(TransportSuite, RefusesExchangesThatItDoesNotClaim) {
  if (capabilities().exchanges) GTEST_SKIP() << "claims exchanges";
  const std::string exchange = Name("exchange");
  const auto declared = Run(transport().Declare(Topology().AddExchange(exchange, ExchangeKind::kTopic)));
  ASSERT_EQ(CodeOf(declared), ErrorCode::kUnavailable);
  EXPECT_NE(declared.error().message().find("exchange"), std::string::npos) << declared.error().message();
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(exchange, "a"), Numbered(0))), ErrorCode::kUnavailable);
}

class Route {
 public:
  ExchangeKind kind;
  std::vector<std::string> patterns;
  std::vector<std::string> keys;
};

// Each queue gets what Routes() says, once.
TEST_P(TransportSuite, RoutesByTheRulesOfEachKind) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::vector<Route> routes = {
      {ExchangeKind::kDirect,
       {"order.created", "order", "", "order.*", "#"},
       {"order.created", "order", "", "x", "order.*"}},
      {ExchangeKind::kTopic,
       {"order.*", "order.#", "#", "*.created", "order.created", "#.created.#", "*", "*.*.*", "", "a..b", "*.stock.#"},
       {"order.created", "order", "order.item.added", "created", "x.created.y.z", "", "a..b", "usd.stock", ".", "a."}},
      {ExchangeKind::kFanout, {"", "taken", "no notice of"}, {"", "any", "key.at.all"}},
  };
  for (const Route& route : routes) {
    const std::string exchange = Name("exchange");
    Topology topology;
    topology.AddExchange(exchange, route.kind);
    std::vector<std::string> queues;
    for (const std::string& pattern : route.patterns) {
      queues.push_back(Name("bound"));
      topology.AddQueue(queues.back()).Bind(exchange, queues.back(), pattern);
    }
    Declare(topology);
    std::map<std::string, std::vector<std::string>> expected;
    for (const std::string& key : route.keys) {
      std::size_t reached = 0;
      for (std::size_t i = 0; i < queues.size(); ++i) {
        if (!Routes(route.kind, route.patterns[i], key)) continue;
        expected[queues[i]].push_back(key);
        ++reached;
      }
      const auto published = TryPublish(Address::Exchange(exchange, key), Message("key", key));
      if (reached == 0) {
        EXPECT_EQ(CodeOf(published), ErrorCode::kNotFound)
            << tidings::messaging::Name(route.kind) << " \"" << key << '"';
      } else {
        ASSERT_TRUE(published) << published.error().message();
        EXPECT_TRUE(*published == reached || *published == 1) << *published;
      }
    }
    for (std::size_t i = 0; i < queues.size(); ++i) {
      std::vector<std::string> got;
      for (std::size_t k = 0; k < expected[queues[i]].size(); ++k) {
        Delivery delivery = Pop(queues[i]);
        got.push_back(delivery.message().body);
        Ack(delivery);
      }
      std::ranges::sort(got);
      std::ranges::sort(expected[queues[i]]);
      EXPECT_EQ(got, expected[queues[i]]) << tidings::messaging::Name(route.kind) << " \"" << route.patterns[i] << '"';
      EXPECT_TRUE(Empty(queues[i]));
    }
  }
}

TEST_P(TransportSuite, AQueueThatIsBoundTwiceGetsOneCopy) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string exchange = Name("exchange");
  const std::string queue = Queue();
  Declare(
      Topology().AddExchange(exchange, ExchangeKind::kTopic).Bind(exchange, queue, "a.*").Bind(exchange, queue, "#"));
  Must(TryPublish(Address::Exchange(exchange, "a.b"), Numbered(1)));
  Delivery delivery = Pop(queue);
  Ack(delivery);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, TheCopiesOfAMessageAreSettledEachOnItsOwn) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string exchange = Name("exchange");
  const std::string one = Queue();
  const std::string other = Queue();
  Declare(Topology().AddExchange(exchange, ExchangeKind::kFanout).Bind(exchange, one).Bind(exchange, other));
  Must(TryPublish(Address::Exchange(exchange, ""), Numbered(1)));
  Delivery acknowledged = Pop(one);
  Delivery failed = Pop(other);
  EXPECT_EQ(acknowledged.message().id, failed.message().id);
  Ack(acknowledged);
  EXPECT_TRUE(Run(failed.Retry("broken", ms(0), timers().Now())));
  Delivery again = Pop(other);
  EXPECT_EQ(again.attempt(), 2U);
  Ack(again);
  EXPECT_TRUE(Empty(one));
  EXPECT_TRUE(Empty(other));
}

TEST_P(TransportSuite, WhatNoQueueWantsIsAnErrorUnlessItsPublisherDoesNotMind) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string exchange = Name("exchange");
  const std::string queue = Queue();
  Declare(Topology().AddExchange(exchange, ExchangeKind::kTopic).Bind(exchange, queue, "wanted"));
  const auto refused = TryPublish(Address::Exchange(exchange, "unwanted"), Numbered(0));
  ASSERT_EQ(CodeOf(refused), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().message().find(exchange), std::string::npos) << refused.error().message();
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 0U) << "its publisher knows";
  PublishOptions anywhere;
  anywhere.require_route = false;
  EXPECT_TRUE(TryPublish(Address::Exchange(exchange, "unwanted"), Numbered(0), anywhere));
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U);
  EXPECT_TRUE(TryPublish(Address::Exchange(exchange, "wanted"), Numbered(0), anywhere));
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U);
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, AnExchangeThatIsMissingIsAnErrorAlways) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string missing = Name("missing");
  PublishOptions anywhere;
  anywhere.require_route = false;
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(missing, "a"), Numbered(0))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(missing, "a"), Numbered(0), anywhere)), ErrorCode::kNotFound);
  // And what comes after is not harmed by it.
  const std::string queue = Queue();
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, AnExchangeKeepsItsKind) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string exchange = Name("exchange");
  Declare(Topology().AddExchange(exchange, ExchangeKind::kTopic));
  Declare(Topology().AddExchange(exchange, ExchangeKind::kTopic));
  const auto other = Run(transport().Declare(Topology().AddExchange(exchange, ExchangeKind::kFanout)));
  ASSERT_EQ(CodeOf(other), ErrorCode::kConflict);
  EXPECT_NE(other.error().message().find(exchange), std::string::npos) << other.error().message();
  // It works still, as it was.
  const std::string queue = Queue();
  Declare(Topology().Bind(exchange, queue, "a.*"));
  Must(TryPublish(Address::Exchange(exchange, "a.b"), Numbered(1)));
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, ABindingNeedsItsExchangeAndItsQueue) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string queue = Queue();
  const std::string exchange = Name("exchange");
  EXPECT_EQ(CodeOf(Run(transport().Declare(Topology().Bind(exchange, queue, "a")))), ErrorCode::kNotFound);
  Declare(Topology().AddExchange(exchange, ExchangeKind::kDirect));
  EXPECT_EQ(CodeOf(Run(transport().Declare(Topology().Bind(exchange, Name("missing"), "a")))), ErrorCode::kNotFound);
  Declare(Topology().Bind(exchange, queue, "a"));
  Must(TryPublish(Address::Exchange(exchange, "a"), Numbered(1)));
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, ADeletedQueueIsBoundNoMore) {
  if (!capabilities().exchanges) GTEST_SKIP() << "does not claim exchanges";
  const std::string exchange = Name("exchange");
  const std::string queue = Queue();
  Declare(Topology().AddExchange(exchange, ExchangeKind::kDirect).Bind(exchange, queue, "a"));
  Must(Run(transport().DeleteQueue(queue)));
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(exchange, "a"), Numbered(1))), ErrorCode::kNotFound);
  Declare(Topology().AddQueue(queue));
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(exchange, "a"), Numbered(1))), ErrorCode::kNotFound)
      << "a new queue of the same name is another one";
}

}  // namespace
}  // namespace tidings::messaging::testing
