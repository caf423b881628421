// Conformance of Transport: each way to settle a delivery, and what becomes of one that nobody settles.
#include "testing/transport_suite.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(TransportSuite, WhatIsAcknowledgedIsGone) {
  const std::string queue = Queue();
  PublishNumbered(queue, 10);
  {
    const auto consumer = Consume(queue, 10);
    std::vector<Delivery> held;
    for (int i = 0; i < 10; ++i) held.push_back(Next(*consumer));
    // In no order.
    for (const std::size_t i : {4, 9, 0, 5, 1, 8, 2, 7, 3, 6}) {
      EXPECT_TRUE(Run(held[i].Ack()));
      EXPECT_TRUE(held[i].settled());
    }
  }
  EXPECT_TRUE(Empty(queue));
  EXPECT_EQ(Stats(queue).unsettled, 0U);
}

TEST_P(TransportSuite, WhatIsGivenBackComesAgain) {
  const std::string queue = Queue();
  const auto ids = PublishNumbered(queue, 50);
  const auto consumer = Consume(queue, 10);
  std::set<std::string> given_back;
  std::set<std::string> missing(ids.begin(), ids.end());
  while (!missing.empty()) {
    Delivery delivery = Next(*consumer);
    EXPECT_EQ(delivery.attempt(), 1U) << "giving back is no failure";
    if (given_back.insert(delivery.message().id).second) {
      EXPECT_TRUE(Run(delivery.Nack()));
    } else {
      missing.erase(delivery.message().id);
      Ack(delivery);
    }
  }
  EXPECT_EQ(given_back.size(), ids.size());
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, CountsWhatIsGivenBackAtOnceUnlessItsCountsLag) {
  if (capabilities().counts_lag) GTEST_SKIP() << "says that its counts lag";
  const std::string queue = Queue();
  PublishNumbered(queue, 3);
  for (int i = 0; i < 20; ++i) {
    Delivery delivery = Pop(queue);
    EXPECT_EQ(Stats(queue).ready, 2U);
    EXPECT_TRUE(Run(delivery.Nack()));
    EXPECT_EQ(Stats(queue).ready, 3U);
  }
}

TEST_P(TransportSuite, WhatIsDroppedUnsettledComesAgain) {
  const std::string queue = Queue();
  Message message = Numbered(1);
  message.headers.Set("a", "b");
  Publish(queue, message);
  const auto consumer = Consume(queue);
  {
    const Delivery dropped = Next(*consumer);
  }
  Delivery delivery = Next(*consumer);
  EXPECT_EQ(delivery.message(), message);
  EXPECT_EQ(delivery.attempt(), 1U);
  Ack(delivery);
  EXPECT_TRUE(Empty(queue));
}

// Prefetch may have fetched it already, so that it goes round between consumers.
TEST_P(TransportSuite, WhatOneConsumerGivesBackAnotherMayTake) {
  const std::string queue = Queue();
  auto first = Consume(queue, 1);
  PublishNumbered(queue, 1);
  Delivery delivery = Next(*first);
  const auto second = Consume(queue, 1);
  Run(first->Stop());
  EXPECT_TRUE(Run(delivery.Nack()));
  Delivery again = Next(*second);
  Ack(again);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ARetryCountsAndKeepsTheHistory) {
  const std::string queue = Queue();
  Message message = Numbered(1);
  message.key = "k";
  message.headers.Set("mine", "kept");
  Publish(queue, message);
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    Delivery delivery = Pop(queue);
    EXPECT_EQ(delivery.attempt(), attempt);
    EXPECT_EQ(delivery.message().id, message.id);
    EXPECT_EQ(delivery.message().body, message.body);
    EXPECT_EQ(delivery.message().key, message.key);
    EXPECT_EQ(delivery.message().headers.Get("mine"), "kept");
    EXPECT_TRUE(Run(delivery.Retry("error " + std::to_string(attempt), ms(0), timers().Now())));
  }
  Delivery last = Pop(queue);
  EXPECT_EQ(last.message().headers.Get(header::kFailures), "3");
  const std::string_view history = last.message().headers.Get(header::kHistory);
  for (const std::string text : {"error 1", "error 2", "error 3"}) {
    EXPECT_NE(history.find(text), std::string_view::npos) << history;
  }
  Ack(last);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, WhatIsBuriedLiesAmongTheDeadLetters) {
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  Message message = Numbered(1);
  message.headers.Set("mine", "kept");
  Publish(queue, message);
  Delivery delivery = Pop(queue);
  EXPECT_TRUE(Run(delivery.Bury(DeathReason::kRejected, "no such order", timers().Now())));
  EXPECT_TRUE(Empty(queue));
  Delivery dead = Pop(DeadLetterQueue(queue));
  EXPECT_EQ(dead.message().id, message.id);
  EXPECT_EQ(dead.message().type, message.type);
  EXPECT_EQ(dead.message().body, message.body);
  const Headers& headers = dead.message().headers;
  EXPECT_EQ(headers.Get("mine"), "kept");
  EXPECT_EQ(headers.Get(header::kDeathReason), "rejected");
  EXPECT_EQ(headers.Get(header::kDeathError), "no such order");
  EXPECT_EQ(headers.Get(header::kDeathQueue), queue);
  EXPECT_TRUE(ParseTime(headers.Get(header::kDeathTime)));
  EXPECT_EQ(headers.Get(header::kFailures), "1");
  EXPECT_NE(headers.Get(header::kHistory).find("no such order"), std::string_view::npos);
  Ack(dead);
  EXPECT_TRUE(Empty(DeadLetterQueue(queue)));
}

// As an operator does it: the same id goes back, and out of the dead letters.
TEST_P(TransportSuite, ADeadLetterCanBePublishedAgain) {
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  const auto ids = PublishNumbered(queue, 3);
  for (int i = 0; i < 3; ++i) {
    Delivery delivery = Pop(queue);
    EXPECT_TRUE(Run(delivery.Bury(DeathReason::kFailed, "broken", timers().Now())));
  }
  for (int i = 0; i < 3; ++i) {
    Delivery dead = Pop(DeadLetterQueue(queue));
    Message replayed = dead.message();
    replayed.headers.Remove(header::kFailures);
    Publish(queue, std::move(replayed));
    Ack(dead);
  }
  EXPECT_EQ(TakeAll(queue, ids).size(), 3U);
}

TEST_P(TransportSuite, WithoutDeadLettersABuriedMessageIsDroppedAndCounted) {
  QueueOptions options;
  options.dead_letters = false;
  const std::string queue = Queue(options);
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  EXPECT_TRUE(Run(delivery.Bury(DeathReason::kFailed, "broken", timers().Now())));
  EXPECT_TRUE(Empty(queue));
  EXPECT_EQ(ledger().Of(LossCause::kNoDeadLetter), 1U);
  EXPECT_EQ(CodeOf(Run(transport().Stats(DeadLetterQueue(queue)))), ErrorCode::kNotFound);
}

TEST_P(TransportSuite, AMessageThatKillsItsConsumersEndsAmongTheDeadLetters) {
  if (!features().counts_drops) GTEST_SKIP() << "does not claim to count what was dropped";
  QueueOptions options;
  options.delivery_limit = 3;
  const std::string queue = Queue(options);
  names_.push_back(DeadLetterQueue(queue));
  Publish(queue, Numbered(13));
  int handed_out = 0;
  while (handed_out < 100 && Stats(DeadLetterQueue(queue)).ready == 0) {
    auto popped = Must(Run(transport().Pop(queue, ms(0))));
    if (popped) {
      ++handed_out;
      popped.reset();
    }
    Settle();
  }
  EXPECT_EQ(handed_out, 4) << "more often than the limit";
  Delivery dead = Pop(DeadLetterQueue(queue));
  EXPECT_EQ(dead.message().body, "13");
  EXPECT_EQ(dead.message().headers.Get(header::kDeathReason), "delivery-limit");
  EXPECT_FALSE(dead.message().headers.Has(header::kFailures)) << "no handler said that it failed";
  Ack(dead);
}

TEST_P(TransportSuite, GoesOnAfterManyFailures) {
  const std::string queue = Queue();
  const auto ids = PublishNumbered(queue, 20);
  for (int round = 0; round < 5; ++round) {
    const auto consumer = Consume(queue, 20);
    for (int i = 0; i < 10; ++i) {
      Delivery delivery = Next(*consumer);
      EXPECT_TRUE(Run(delivery.Nack()));
    }
  }
  TakeAll(queue, ids);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ADeliveryCanBeKeptForLonger) {
  InTime([&](ms unit) {
    const std::string queue = Queue();
    PublishNumbered(queue, 1);
    ConsumeOptions options(1);
    options.lease = 6 * unit;
    const auto consumer = Consume(queue, options);
    Millis end = Moment(options.lease);
    Delivery delivery = Next(*consumer);
    for (int i = 0; i < 4; ++i) {
      Pass(3 * unit);
      const Millis next_end = Moment(options.lease);
      const bool extended = Run(delivery.Extend());
      if (PastIt(end)) return false;
      EXPECT_TRUE(extended);
      end = next_end;
    }
    const std::uint64_t ready = Stats(queue).ready;
    const Status acknowledged = Run(delivery.Ack());
    if (PastIt(end)) return false;
    EXPECT_EQ(ready, 0U);
    EXPECT_TRUE(acknowledged);
    EXPECT_TRUE(Empty(queue));
    return true;
  });
}

TEST_P(TransportSuite, ALeaseThatEndsHandsTheMessageOutAgain) {
  if (!capabilities().leases) GTEST_SKIP() << "does not claim leases";
  InTime([&](ms unit) {
    const std::string queue = Queue();
    PublishNumbered(queue, 1);
    ConsumeOptions options(1);
    options.lease = 4 * unit;
    const auto slow = Consume(queue, options);
    const Millis end = Moment(options.lease);
    Delivery late = Next(*slow);
    Pass(unit);
    const std::uint64_t ready = Stats(queue).ready;
    if (PastIt(end)) return false;
    EXPECT_EQ(ready, 0U) << "not before the lease ends";
    if (features().virtual_time) {
      // A clock that jumps ends no lease.
      virtual_timers().fake_clock().JumpWall(std::chrono::hours(24));
      Settle();
      EXPECT_EQ(Stats(queue).ready, 0U);
    }
    Pass(5 * unit);
    Delivery again = Pop(queue);
    EXPECT_GE(again.deliveries(), 2U);
    EXPECT_EQ(CodeOf(Run(late.Ack())), ErrorCode::kConflict);
    EXPECT_TRUE(Run(again.Ack()));
    EXPECT_TRUE(Empty(queue));
    return true;
  });
}

}  // namespace
}  // namespace tidings::messaging::testing
