// Conformance of Transport: what happens when a consumer, a transport, a connection or the server ends in the middle.
#include "testing/transport_suite.hpp"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(TransportSuite, WhatWasAcceptedIsThereAfterAReopen) {
  if (!features().reopens) GTEST_SKIP() << "does not keep what it has";
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  auto ids = PublishNumbered(queue, 20);
  Delivery buried = Pop(queue);
  std::erase(ids, buried.message().id);
  EXPECT_TRUE(Run(buried.Bury(DeathReason::kFailed, "broken", timers().Now())));
  Delivery failed = Pop(queue);
  const std::string failed_id = failed.message().id;
  EXPECT_TRUE(Run(failed.Retry("broken", ms(0), timers().Now())));
  Reopen();
  Delivery dead = Pop(DeadLetterQueue(queue));
  Ack(dead);
  std::set<std::string> missing(ids.begin(), ids.end());
  while (!missing.empty()) {
    Delivery delivery = Pop(queue);
    EXPECT_EQ(delivery.attempt(), delivery.message().id == failed_id ? 2U : 1U);
    missing.erase(delivery.message().id);
    Ack(delivery);
  }
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, WhatIsDelayedSurvivesAReopen) {
  if (!features().reopens || !capabilities().delay) GTEST_SKIP() << "does not keep what it has, or no delay";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    PublishOptions later;
    later.delay = 6 * unit;
    const Millis due = Moment(later.delay);
    Publish(queue, Numbered(1), later);
    Reopen();
    const std::uint64_t ready = Stats(queue).ready;
    if (PastIt(due)) return false;
    EXPECT_EQ(ready, 0U);
    Pass(7 * unit);
    Delivery delivery = Pop(queue);
    EXPECT_EQ(delivery.message().body, "1");
    Ack(delivery);
    return true;
  });
}

TEST_P(TransportSuite, ExchangesAndBindingsSurviveAReopen) {
  if (!features().reopens || !capabilities().exchanges) GTEST_SKIP() << "does not keep what it has, or no exchanges";
  const std::string exchange = Name("exchange");
  const std::string queue = Queue();
  Declare(Topology().AddExchange(exchange, ExchangeKind::kTopic).Bind(exchange, queue, "a.*"));
  Reopen();
  Must(TryPublish(Address::Exchange(exchange, "a.b"), Numbered(1)));
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

// Many publishes at once, closed in the middle: each that was accepted is there.
TEST_P(TransportSuite, CloseLosesNothingThatWasAccepted) {
  if (!features().reopens) GTEST_SKIP() << "does not keep what it has";
  const std::string queue = Queue();
  const int count = Large() ? 10'000 : 500;
  std::vector<std::string> accepted;
  int ended = 0;
  const auto publish = [&](int number) -> Task<void> {
    Message message = Numbered(number);
    std::string id = message.id;
    const auto published = co_await transport().Publish(Address::Queue(queue), std::move(message));
    if (published) accepted.push_back(std::move(id));
    ++ended;
  };
  for (int i = 0; i < count; ++i) Spawn(publish(i));
  const auto so_far = [&] { return static_cast<std::size_t>(ended); };
  ASSERT_TRUE(UntilAll(static_cast<std::size_t>(count) / 10 + 1, so_far));
  Run(transport().Close());
  ASSERT_TRUE(UntilAll(static_cast<std::size_t>(count), so_far)) << "a publish that was under way did not end";
  transport_.reset();
  transport_ = Open();
  TakeAll(queue, accepted);
}

TEST_P(TransportSuite, WhatADeadConsumerHeldComesAgain) {
  if (!features().several) GTEST_SKIP() << "one transport is all there is";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    const auto ids = PublishNumbered(queue, 10);
    auto dying = Open();
    ConsumeOptions options(5);
    options.lease = 4 * unit;
    const Millis end = Moment(options.lease);
    auto consumer = Must(Run(dying->Consume(queue, options)));
    std::vector<Delivery> held;
    for (int i = 0; i < 3; ++i) held.push_back(Next(*consumer));
    std::set<std::string> held_ids;
    for (const Delivery& delivery : held) held_ids.insert(delivery.message().id);
    const Status acknowledged = Run(held[0].Ack());
    if (PastIt(end)) return false;
    EXPECT_TRUE(acknowledged);
    held_ids.erase(held[0].message().id);
    environment().Abandon(std::move(dying));
    Pass(5 * unit);
    std::set<std::string> missing(ids.begin(), ids.end());
    missing.erase(held[0].message().id);
    while (!missing.empty()) {
      Delivery delivery = Pop(queue);
      if (held_ids.contains(delivery.message().id)) EXPECT_GE(delivery.deliveries(), 2U);
      EXPECT_NE(delivery.message().id, held[0].message().id) << "it was acknowledged";
      missing.erase(delivery.message().id);
      Ack(delivery);
    }
    EXPECT_TRUE(Empty(queue));
    return true;
  });
}

TEST_P(TransportSuite, TheNextConsumerOfASingleActiveQueueGoesOnInOrder) {
  if (!capabilities().single_active || !features().several) GTEST_SKIP() << "no single-active queues";
  if (!features().steady || !features().succession) GTEST_SKIP() << "what comes again may come anywhere";
  InTime([&](ms unit) {
    QueueOptions single_active;
    single_active.single_active = true;
    const std::string queue = Queue(single_active);
    PublishNumbered(queue, 40);
    auto dying = Open();
    ConsumeOptions options(8);
    options.lease = 4 * unit;
    const Millis end = Moment(options.lease);
    auto active = Must(Run(dying->Consume(queue, options)));
    std::vector<Delivery> held;
    for (int i = 0; i < 5; ++i) held.push_back(Next(*active));
    const Status acknowledged = Run(held[2].Ack());
    auto waiting = Consume(queue, options);
    environment().Abandon(std::move(dying));
    if (PastIt(end)) return false;
    EXPECT_TRUE(acknowledged);
    for (int i = 0; i < 40; ++i) {
      if (i == 2) continue;
      Delivery delivery = Next(*waiting);
      EXPECT_EQ(delivery.message().body, std::to_string(i));
      Ack(delivery);
    }
    return true;
  });
}

TEST_P(TransportSuite, OneConsumerOfASingleActiveQueueHoldsMessagesAtATime) {
  if (!capabilities().single_active) GTEST_SKIP() << "no single-active queues";
  if (!features().steady) GTEST_SKIP() << "what comes again may come anywhere";
  QueueOptions single_active;
  single_active.single_active = true;
  const std::string queue = Queue(single_active);
  PublishNumbered(queue, 3);
  const auto active = Consume(queue, 2);
  Delivery first = Next(*active);
  const auto waiting = Consume(queue, 2);
  std::string came;
  Spawn([](Consumer& consumer, std::string& body) -> Task<void> {
    Delivery delivery = Must(co_await consumer.Next());
    const std::string got = delivery.message().body;
    Must(co_await delivery.Ack());
    body = got;
  }(*waiting, came));
  Delivery second = Next(*active);
  Settle();
  EXPECT_EQ(came, "");
  Ack(second);
  Settle();
  EXPECT_EQ(came, "");
  EXPECT_EQ(first.message().body, "0");
  EXPECT_EQ(second.message().body, "1");
  Ack(first);
  Run(active->Stop());
  EXPECT_TRUE(Until([&] { return came == "2"; })) << came;
}

TEST_P(TransportSuite, SeveralTransportsShareAQueue) {
  if (!features().several) GTEST_SKIP() << "one transport is all there is";
  const std::string queue = Queue();
  const auto other = Open();
  const auto here = Consume(queue, 1);
  const auto there = Must(Run(other->Consume(queue, ConsumeOptions(1))));
  const auto ids = PublishNumbered(queue, 2);
  Delivery one = Next(*here);
  Delivery two = Next(*there);
  EXPECT_NE(one.message().id, two.message().id);
  Ack(one);
  Ack(two);
  Must(Run(other->Publish(Address::Queue(queue), Numbered(3))));
  Run(there->Stop());
  Delivery three = Next(*here);
  EXPECT_EQ(three.message().body, "3");
  Ack(three);
  Run(other->Close());
}

TEST_P(TransportSuite, AnExclusiveQueueIsItsTransportsAlone) {
  QueueOptions options;
  options.exclusive = true;
  options.durable = false;
  options.dead_letters = false;
  const std::string queue = Queue(options);
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  Ack(delivery);
  if (!features().several || !features().reopens) return;
  auto other = Open();
  EXPECT_FALSE(Run(other->Consume(queue, ConsumeOptions())));
  // Others may send to it: that is what it is for.
  Must(Run(other->Publish(Address::Queue(queue), Numbered(2))));
  Delivery sent = Pop(queue);
  EXPECT_EQ(sent.message().body, "2");
  Ack(sent);
  Reopen();
  EXPECT_TRUE(Until([&] {
    const auto gone = Run(other->Publish(Address::Queue(queue), Numbered(3)));
    return CodeOf(gone) == ErrorCode::kNotFound;
  })) << "it is gone with its transport";
  Run(other->Close());
}

}  // namespace
}  // namespace tidings::messaging::testing
