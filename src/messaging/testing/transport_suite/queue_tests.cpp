// Conformance of Transport: queues are declared, counted, bounded, purged and deleted.
#include "testing/transport_suite.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(TransportSuite, DeclaringTwiceIsDeclaringOnce) {
  const std::string queue = Queue();
  PublishNumbered(queue, 2);
  Declare(Topology().AddQueue(queue).AddQueue(queue));
  EXPECT_TRUE(Ready(queue, 2));
  // Used as it is found.
  QueueOptions others;
  others.dead_letters = false;
  others.message_ttl = unit();
  others.max_length = 2;
  Declare(Topology().AddQueue(queue, others));
  PublishNumbered(queue, 2);
  Pass(2 * unit());
  EXPECT_TRUE(Ready(queue, 4));
}

TEST_P(TransportSuite, RefusesNamesThatAreNone) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a/b"), std::string(201, 'q')}) {
    EXPECT_EQ(CodeOf(Run(transport().Declare(Topology().AddQueue(name)))), ErrorCode::kInvalid) << name;
  }
  const std::string longest = Name("long") + std::string(150, 'q');
  names_.push_back(longest);
  Declare(Topology().AddQueue(longest));
  PublishNumbered(longest, 1);
  Delivery delivery = Pop(longest);
  EXPECT_EQ(delivery.queue(), longest);
  Ack(delivery);
}

TEST_P(TransportSuite, CountsWhatIsInAQueue) {
  const std::string queue = Queue();
  QueueStats stats = Stats(queue);
  EXPECT_EQ(stats.ready, 0U);
  EXPECT_EQ(stats.unsettled, 0U);
  EXPECT_FALSE(stats.oldest);
  PublishNumbered(queue, 3);
  if (capabilities().delay) {
    PublishOptions later;
    later.delay = 1'000 * unit();
    Publish(queue, Numbered(3), later);
  }
  Pass(2 * unit());
  ASSERT_TRUE(Ready(queue, 3));
  stats = Stats(queue);
  EXPECT_EQ(stats.delayed, capabilities().delay ? 1U : 0U);
  if (stats.oldest) {
    EXPECT_GE(*stats.oldest, unit());
    EXPECT_LE(*stats.oldest, 2 * unit() + std::chrono::minutes(1));
  }
  const auto consumer = Consume(queue, 1);
  Delivery delivery = Next(*consumer);
  ASSERT_TRUE(Ready(queue, 2));
  EXPECT_LE(Stats(queue).unsettled, 1U);
  EXPECT_TRUE(Until([&] { return Stats(queue).consumers == 1; }));
  Ack(delivery);
}

TEST_P(TransportSuite, AFullQueueRefusesWhatComes) {
  QueueOptions options;
  options.max_length = 5;
  const std::string queue = Queue(options);
  std::vector<std::string> accepted;
  std::optional<Error> refused;
  // A broker may notice a little late.
  for (int i = 0; i < 100 && !refused; ++i) {
    Message message = Numbered(i);
    const std::string id = message.id;
    const auto published = TryPublish(Address::Queue(queue), std::move(message));
    if (published) accepted.push_back(id);
    if (!published) refused = published.error();
  }
  ASSERT_TRUE(refused) << "a queue of at most 5 took " << accepted.size();
  EXPECT_GE(accepted.size(), 5U);
  EXPECT_EQ(refused->code(), ErrorCode::kUnavailable);
  EXPECT_NE(refused->message().find("refused"), std::string::npos) << refused->message();
  EXPECT_EQ(TakeAll(queue, accepted).size(), accepted.size());
  EXPECT_TRUE(Empty(queue)) << "what was refused is not there";
  EXPECT_TRUE(ledger().All().empty()) << "its publisher was told: no loss";
  EXPECT_TRUE(Until([&] { return TryPublish(Address::Queue(queue), Numbered(0)).has_value(); }))
      << "there is room again";
}

TEST_P(TransportSuite, PurgeDropsWhatIsReadyAndCountsIt) {
  const std::string queue = Queue();
  PublishNumbered(queue, 5);
  const auto consumer = Consume(queue, 1);
  Delivery held = Next(*consumer);
  ASSERT_TRUE(Ready(queue, 4));
  EXPECT_EQ(Must(Run(transport().Purge(queue))), 4U);
  EXPECT_EQ(ledger().Of(LossCause::kPurged), 4U);
  EXPECT_EQ(Stats(queue).ready, 0U);
  EXPECT_TRUE(Run(held.Nack())) << "what is handed out is not dropped";
  Delivery again = Next(*consumer);
  Ack(again);
  if (!capabilities().delay) return;
  Run(consumer->Stop());  // it would take the next one, if it came due
  PublishOptions later;
  later.delay = 4 * unit();
  Publish(queue, Numbered(1), later);
  EXPECT_EQ(Must(Run(transport().Purge(queue))), 1U);
  Pass(5 * unit());
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ListsAndDeletesItsQueues) {
  const std::string queue = Queue();
  const auto listed = [&](const std::string& name) {
    const auto queues = Must(Run(transport().Queues()));
    return std::ranges::find(queues, name) != queues.end();
  };
  EXPECT_TRUE(listed(queue));
  EXPECT_TRUE(listed(DeadLetterQueue(queue)));
  PublishNumbered(queue, 3);
  Must(Run(transport().DeleteQueue(queue)));
  EXPECT_FALSE(listed(queue));
  EXPECT_FALSE(listed(DeadLetterQueue(queue)));
  EXPECT_EQ(CodeOf(TryPublish(Address::Queue(queue), Numbered(0))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Run(transport().Stats(queue))), ErrorCode::kNotFound);
  Declare(Topology().AddQueue(queue));
  EXPECT_TRUE(Empty(queue)) << "a new one of that name is empty";
}

TEST_P(TransportSuite, TellsOfTheQueuesOfOthersIfItSaysSo) {
  if (!features().several) GTEST_SKIP() << "one transport is all there is";
  const std::string queue = Queue();
  const auto other = Open();
  const auto told = Must(Run(other->Queues()));
  const bool lists = capabilities().lists_queues;
  EXPECT_EQ(std::ranges::find(told, queue) != told.end(), lists);
  EXPECT_EQ(std::ranges::find(told, DeadLetterQueue(queue)) != told.end(), lists);
  Run(other->Close());
}

TEST_P(TransportSuite, WhatIsInAQueueThatIsDeletedIsCounted) {
  const std::string queue = Queue();
  PublishNumbered(queue, 4);
  const auto consumer = Consume(queue, 1);
  Delivery held = Next(*consumer);
  std::uint64_t in_it = features().sees_held ? 4 : 3;
  if (capabilities().delay) {
    PublishOptions later;
    later.delay = 1'000 * unit();
    Publish(queue, Numbered(4), later);
    ++in_it;
  }
  ASSERT_TRUE(Ready(queue, 3));
  Must(Run(transport().DeleteQueue(queue)));
  EXPECT_EQ(ledger().Of(LossCause::kPurged), in_it);
  const Status acknowledged = Run(held.Ack());
  // RabbitMQ answers no acknowledgement.
  if (features().sees_held) EXPECT_EQ(CodeOf(acknowledged), ErrorCode::kConflict) << "who holds it is told";
}

TEST_P(TransportSuite, WhatIsInAnExclusiveQueueThatEndsIsCounted) {
  QueueOptions options;
  options.exclusive = true;
  options.durable = false;
  const std::string queue = Queue(options);
  PublishNumbered(queue, 3);
  Delivery dead = Pop(queue);
  EXPECT_TRUE(Run(dead.Bury(DeathReason::kFailed, "broken", timers().Now())));
  ASSERT_TRUE(Ready(queue, 2) && Ready(DeadLetterQueue(queue), 1));
  Run(transport().Close());
  EXPECT_TRUE(Until([&] { return ledger().Of(LossCause::kPurged) == 3U; })) << ledger().Of(LossCause::kPurged);
}

TEST_P(TransportSuite, DeletingAQueueLeavesDeadLettersThatAreThere) {
  const std::string queue = Queue();
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  EXPECT_TRUE(Run(delivery.Bury(DeathReason::kFailed, "broken", timers().Now())));
  ASSERT_TRUE(Ready(DeadLetterQueue(queue), 1));
  Must(Run(transport().DeleteQueue(queue)));
  EXPECT_EQ(Stats(DeadLetterQueue(queue)).ready, 1U);
  Must(Run(transport().DeleteQueue(DeadLetterQueue(queue))));
  EXPECT_EQ(CodeOf(Run(transport().Stats(DeadLetterQueue(queue)))), ErrorCode::kNotFound);
}

TEST_P(TransportSuite, WhatIsNoMessageGoesToTheDeadLettersRaw) {
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  const std::string garbage("\x00\xff{no message", 13);
  if (!environment().PutGarbage(queue, garbage)) GTEST_SKIP() << "nothing but messages can get into its queues";
  const auto ids = PublishNumbered(queue, 1);
  const auto consumer = Consume(queue);
  Delivery delivery = Next(*consumer);
  EXPECT_EQ(delivery.message().id, ids[0]) << "it does not stop the consumer";
  Ack(delivery);
  Delivery dead = Pop(DeadLetterQueue(queue));
  EXPECT_EQ(dead.message().body, garbage);
  EXPECT_EQ(dead.message().headers.Get(header::kDeathReason), "undecodable");
  EXPECT_EQ(dead.message().headers.Get(header::kDeathQueue), queue);
  Ack(dead);
  EXPECT_TRUE(Empty(queue)) << "it does not come round again";
}

}  // namespace
}  // namespace tidings::messaging::testing
