// Conformance of Transport: what happens when a consumer, a transport, a connection or the server ends in the middle.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

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
  const int count = FullSizes() ? 10'000 : 500;
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

// Publishes beside the test, again and again until it is accepted, as a producer does.
class Producer {
 public:
  Producer(Transport& transport, std::string queue, int from, int count)
      : transport_(transport), queue_(std::move(queue)), from_(from), count_(count) {}
  Task<void> Publish(Timers& timers) {
    for (int i = from_; i < from_ + count_; ++i) {
      const Message message("test.numbered", std::to_string(i));
      while (!stopped_) {
        const auto published = co_await transport_.Publish(Address::Queue(queue_), message);
        if (published) {
          accepted_.push_back(message.id);
          break;
        }
        ++failures_;
        co_await timers.Sleep(std::chrono::milliseconds(20));
      }
    }
    done_ = true;
  }
  bool done() const { return done_; }
  int failures() const { return failures_; }
  const std::vector<std::string>& accepted() const { return accepted_; }
  void Stop() { stopped_ = true; }

 private:
  Transport& transport_;
  std::string queue_;
  int from_;
  int count_;
  bool done_ = false;
  bool stopped_ = false;
  int failures_ = 0;
  std::vector<std::string> accepted_;
};

// Handles beside the test; each message for the first time after its consumer looked at it.
class Worker {
 public:
  Task<void> Work(Consumer& consumer, bool steady) {
    for (;;) {
      auto delivery = co_await consumer.Next();
      if (!delivery) break;
      ++handled_[delivery->message().id];
      const Status acknowledged = co_await delivery->Ack();
      if (!acknowledged && steady) ADD_FAILURE() << acknowledged.error().message();
    }
    ended_ = true;
  }
  const std::map<std::string, int>& handled() const { return handled_; }
  bool HandledAll(const std::vector<std::string>& ids) const {
    return std::ranges::all_of(ids, [&](const std::string& id) { return handled_.contains(id); });
  }
  bool ended() const { return ended_; }

 private:
  std::map<std::string, int> handled_;
  bool ended_ = false;
};

// Producers and a consumer at work while `disturb` is called now and then: nothing that was accepted is lost, and all go on
// by themselves.
class DisturbedSuite : public TransportFixture {
 protected:
  void WorkThrough(int disturbances, const std::function<void()>& disturb) {
    const std::string queue = Queue();
    const int each = FullSizes() ? 1'000 : 100;
    std::vector<std::unique_ptr<Producer>> producers;
    Worker worker;
    auto consumer = Consume(queue, 10);
    Spawn(worker.Work(*consumer, false));
    for (int i = 0; i < 10; ++i) {
      producers.push_back(std::make_unique<Producer>(transport(), queue, i * each, each));
      Spawn(producers.back()->Publish(timers()));
    }
    const auto accepted = [&] {
      std::size_t count = 0;
      for (const auto& producer : producers) count += producer->accepted().size();
      return count;
    };
    const std::size_t all = 10 * static_cast<std::size_t>(each);
    for (int i = 1; i <= disturbances; ++i) {
      const std::size_t enough = all * static_cast<std::size_t>(i) / (static_cast<std::size_t>(disturbances) + 1);
      ASSERT_TRUE(UntilAll(enough, accepted)) << accepted() << " of " << all;
      disturb();
    }
    EXPECT_TRUE(UntilAll(all, accepted)) << accepted() << " of " << all << " were accepted";
    std::vector<std::string> ids;
    for (const auto& producer : producers) {
      ids.insert(ids.end(), producer->accepted().begin(), producer->accepted().end());
    }
    // Of what was not known to be accepted some may be handled too.
    EXPECT_TRUE(UntilAll(ids.size(), [&] { return worker.handled().size(); }) &&
                Until([&] { return worker.HandledAll(ids); }))
        << "handled " << worker.handled().size() << " of " << all;
    for (const auto& producer : producers) producer->Stop();
    Run(consumer->Stop());
    EXPECT_TRUE(Until([&] {
      return worker.ended() && std::ranges::all_of(producers, [](const auto& producer) { return producer->done(); });
    }));
  }
};

TEST_P(DisturbedSuite, NothingIsLostWithoutDisturbance) {
  WorkThrough(0, [] {});
}

TEST_P(DisturbedSuite, NothingIsLostWhenConnectionsBreak) {
  if (!features().cuts) GTEST_SKIP() << "has no connections that break";
  WorkThrough(FullSizes() ? 20 : 4, [&] { environment().CutConnections(); });
}

TEST_P(DisturbedSuite, NothingIsLostWhenTheServerIsKilled) {
  if (!features().server || !capabilities().durable) GTEST_SKIP() << "has no server that keeps its data";
  WorkThrough(FullSizes() ? 5 : 2, [&] {
    environment().KillServer();
    Settle();
    environment().StartServer();
  });
}

TEST_P(DisturbedSuite, NothingIsLostWhenTheServerStandsStill) {
  if (!features().server) GTEST_SKIP() << "has no server";
  WorkThrough(2, [&] {
    environment().PauseServer();
    Pass(4 * unit());
    environment().ResumeServer();
  });
}

TEST_P(DisturbedSuite, ASettlementAfterTheConnectionBrokeIsRefused) {
  if (!features().cuts) GTEST_SKIP() << "has no connections that break";
  const std::string queue = Queue();
  PublishNumbered(queue, 1);
  ConsumeOptions options(4);
  options.lease = 4 * unit();
  const auto consumer = Consume(queue, options);
  Delivery stale = Next(*consumer);
  environment().CutConnections();
  Pass(5 * unit());
  Delivery again = Next(*consumer);
  EXPECT_EQ(again.message().id, stale.message().id);
  EXPECT_EQ(CodeOf(Run(stale.Ack())), ErrorCode::kConflict);
  EXPECT_TRUE(Run(again.Ack()));
  EXPECT_TRUE(Empty(queue));
}

TEST_P(DisturbedSuite, WhatIsNotDurableIsDeclaredAgainAfterAReconnect) {
  if (!features().server || !capabilities().exchanges) GTEST_SKIP() << "has no server, or no exchanges";
  QueueOptions options;
  options.durable = false;
  const std::string queue = Queue(options);
  const std::string exchange = Name("exchange");
  Declare(Topology().AddExchange(exchange, ExchangeKind::kDirect, false).Bind(exchange, queue, "a"));
  const auto consumer = Consume(queue);
  environment().KillServer();
  environment().StartServer();
  EXPECT_TRUE(Until([&] { return TryPublish(Address::Exchange(exchange, "a"), Numbered(1)).has_value(); }));
  Delivery delivery = Next(*consumer);
  Ack(delivery);
}

}  // namespace tidings::messaging::testing
