// Conformance of Transport: delays, and times to live.
#include "testing/transport_suite.hpp"

#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

PublishOptions After(std::chrono::milliseconds delay) {
  PublishOptions options;
  options.delay = delay;
  return options;
}

PublishOptions Within(std::chrono::milliseconds ttl) {
  PublishOptions options;
  options.ttl = ttl;
  return options;
}

TEST_P(TransportSuite, RefusesADelayThatItDoesNotClaim) {
  if (capabilities().delay) GTEST_SKIP() << "claims delay";
  const std::string queue = Queue();
  const auto refused = TryPublish(Address::Queue(queue), Numbered(0), After(unit()));
  ASSERT_EQ(CodeOf(refused), ErrorCode::kUnavailable);
  EXPECT_FALSE(refused.error().message().empty());
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ADelayedMessageComesWhenItsTimeIsOver) {
  if (!capabilities().delay) GTEST_SKIP() << "does not claim delay";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    const Millis due = Moment(4 * unit);
    Publish(queue, Numbered(2), After(4 * unit));
    Publish(queue, Numbered(1));
    Delivery now = Pop(queue);
    Ack(now);
    Pass(unit);
    const bool empty = Empty(queue) && Stats(queue).ready == 0;
    if (PastIt(due)) return false;
    EXPECT_EQ(now.message().body, "1");
    EXPECT_TRUE(empty) << "it came too early";
    Pass(4 * unit);
    EXPECT_TRUE(Ready(queue, 1));
    Delivery later = Pop(queue);
    EXPECT_EQ(later.message().body, "2");
    EXPECT_EQ(later.attempt(), 1U);
    Ack(later);
    return true;
  });
}

TEST_P(TransportSuite, AConsumerGetsDelayedMessagesInTheOrderOfTheirTimes) {
  if (!capabilities().delay) GTEST_SKIP() << "does not claim delay";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    const auto consumer = Consume(queue);
    const Millis latest = Moment(4 * unit);
    Publish(queue, Numbered(3), After(9 * unit));
    Publish(queue, Numbered(1), After(1 * unit));
    Publish(queue, Numbered(2), After(5 * unit));
    if (PastIt(latest)) return false;  // their times may have another order
    for (const std::string body : {"1", "2", "3"}) {
      Pass(4 * unit);
      Delivery delivery = Next(*consumer);
      EXPECT_EQ(delivery.message().body, body);
      Ack(delivery);
    }
    return true;
  });
}

TEST_P(TransportSuite, ARetryIsHandedOutWhenItsDelayIsOver) {
  if (!capabilities().delay) GTEST_SKIP() << "does not claim delay";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    PublishNumbered(queue, 1);
    Delivery first = Pop(queue);
    const Millis due = Moment(4 * unit);
    EXPECT_TRUE(Run(first.Retry("not yet", 4 * unit, timers().Now())));
    Pass(unit);
    const bool empty = Empty(queue);
    if (PastIt(due)) return false;
    EXPECT_TRUE(empty) << "it came too early";
    Pass(4 * unit);
    Delivery second = Pop(queue);
    EXPECT_EQ(second.attempt(), 2U);
    Ack(second);
    EXPECT_TRUE(Empty(queue));
    return true;
  });
}

TEST_P(TransportSuite, AClockThatJumpsFiresNothing) {
  if (!capabilities().delay || !features().virtual_time) GTEST_SKIP() << "its clock cannot be moved";
  const std::string queue = Queue();
  Publish(queue, Numbered(1), After(10 * unit()));
  Publish(queue, Numbered(2), Within(20 * unit()));
  virtual_timers().fake_clock().JumpWall(std::chrono::hours(24));
  Pass(ms(1));
  Delivery delivery = Pop(queue);
  EXPECT_EQ(delivery.message().body, "2") << "neither due nor expired by the jump";
  Ack(delivery);
  EXPECT_TRUE(Empty(queue));
  virtual_timers().fake_clock().JumpWall(-std::chrono::hours(48));
  Pass(11 * unit());
  Delivery late = Pop(queue);
  EXPECT_EQ(late.message().body, "1");
  Ack(late);
}

TEST_P(TransportSuite, RefusesADelayThatCannotBe) {
  if (!capabilities().delay) GTEST_SKIP() << "does not claim delay";
  const std::string queue = Queue();
  EXPECT_EQ(CodeOf(TryPublish(Address::Queue(queue), Numbered(0), After(ms(-1)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(TryPublish(Address::Queue(queue), Numbered(0), Within(ms(-1)))), ErrorCode::kInvalid);
  EXPECT_TRUE(Empty(queue));
  if (!capabilities().exchanges) return;
  const std::string exchange = Name("exchange");
  Declare(Topology().AddExchange(exchange, ExchangeKind::kFanout).Bind(exchange, queue));
  EXPECT_EQ(CodeOf(TryPublish(Address::Exchange(exchange, ""), Numbered(0), After(unit()))), ErrorCode::kInvalid);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, WhatOutlivesItsTimeGoesToTheDeadLetters) {
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  Publish(queue, Numbered(1), Within(2 * unit()));
  Publish(queue, Numbered(2), Within(1'000 * unit()));
  Publish(queue, Numbered(3));
  Pass(4 * unit());
  Delivery dead = Pop(DeadLetterQueue(queue));
  EXPECT_EQ(dead.message().body, "1");
  EXPECT_EQ(dead.message().headers.Get(header::kDeathReason), "expired");
  EXPECT_FALSE(dead.message().headers.Has(header::kFailures));
  Ack(dead);
  for (const std::string body : {"2", "3"}) {
    Delivery alive = Pop(queue);
    EXPECT_EQ(alive.message().body, body);
    Ack(alive);
  }
  EXPECT_TRUE(Empty(queue));
  EXPECT_EQ(ledger().Of(LossCause::kExpired), 0U) << "it is not lost";
}

TEST_P(TransportSuite, WhatIsTakenInTimeDoesNotExpire) {
  InTime([&](ms unit) {
    const std::string queue = Queue();
    const Millis end = Moment(4 * unit);
    Publish(queue, Numbered(1), Within(4 * unit));
    auto delivery = Must(Run(transport().Pop(queue, features().virtual_time ? ms(0) : 4 * unit)));
    if (PastIt(end)) return false;
    if (!delivery) {
      ADD_FAILURE() << "it is not there";
      return true;
    }
    Pass(6 * unit);
    EXPECT_TRUE(Run(delivery->Ack()));
    EXPECT_TRUE(Empty(queue));
    EXPECT_EQ(Stats(DeadLetterQueue(queue)).ready, 0U);
    return true;
  });
}

TEST_P(TransportSuite, AQueueMayLimitTheTimeToLive) {
  InTime([&](ms unit) {
    QueueOptions options;
    options.message_ttl = 4 * unit;
    const std::string queue = Queue(options);
    names_.push_back(DeadLetterQueue(queue));
    const Millis end_of_first = Moment(4 * unit);
    Publish(queue, Numbered(1));
    Pass(2 * unit);
    const std::uint64_t one = Stats(queue).ready;
    if (PastIt(end_of_first)) return false;
    EXPECT_EQ(one, 1U);
    const Millis end_of_second = Moment(4 * unit);
    Publish(queue, Numbered(2), Within(1'000 * unit));
    Pass(3 * unit);
    Delivery dead = Pop(DeadLetterQueue(queue));
    EXPECT_EQ(dead.message().body, "1");
    Ack(dead);
    const std::uint64_t other = Stats(queue).ready;
    if (PastIt(end_of_second)) return false;
    EXPECT_EQ(other, 1U);
    Pass(3 * unit);
    Delivery second = Pop(DeadLetterQueue(queue));
    EXPECT_EQ(second.message().body, "2") << "the shorter one of the two times holds";
    Ack(second);
    return true;
  });
}

TEST_P(TransportSuite, WithoutDeadLettersWhatExpiresIsDroppedAndCounted) {
  QueueOptions options;
  options.dead_letters = false;
  const std::string queue = Queue(options);
  Publish(queue, Numbered(1), Within(2 * unit()));
  Pass(4 * unit());
  EXPECT_TRUE(Empty(queue));
  if (features().sees_expiry) EXPECT_TRUE(Until([&] { return ledger().Of(LossCause::kExpired) == 1; }));
}

}  // namespace
}  // namespace tidings::messaging::testing
