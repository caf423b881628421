// Conformance of Transport: producers and consumers at work while connections, servers and consumers die; nothing is lost.
#include "testing/transport_suite.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tidings::messaging::testing {
namespace {

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

// Handles slowly, until it is killed with what it has in hand.
class MortalWorker {
 public:
  explicit MortalWorker(std::set<std::string>& handled) : handled_(handled) {}
  Task<void> Work(Consumer& consumer, Timers& timers, std::chrono::milliseconds takes) {
    ++running_;
    for (;;) {
      auto delivery = co_await consumer.Next();
      if (!delivery || dead_) break;
      ++in_hand_;
      co_await timers.Sleep(takes);
      if (dead_) break;
      --in_hand_;
      handled_.insert(delivery->message().id);
      std::ignore = co_await delivery->Ack();
      if (dead_) break;
    }
    --running_;
  }
  void Die() { dead_ = true; }
  int in_hand() const { return in_hand_; }
  int running() const { return running_; }

 private:
  std::set<std::string>& handled_;
  bool dead_ = false;
  int in_hand_ = 0;
  int running_ = 0;
};

}  // namespace

void DisturbedSuite::WorkThrough(int disturbances, const std::function<void()>& disturb) {
  const std::string queue = Queue();
  const int each = Large() ? 1'000 : 100;
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

namespace {

TEST_P(DisturbedSuite, NothingIsLostWithoutDisturbance) {
  WorkThrough(0, [] {});
}

TEST_P(DisturbedSuite, NothingIsLostWhenConnectionsBreak) {
  if (!features().cuts) GTEST_SKIP() << "has no connections that break";
  WorkThrough(Large() ? 20 : 4, [&] { environment().CutConnections(); });
}

// Wherever a byte may be the last one: in a frame, in a body, in the handshake.
TEST_P(DisturbedSuite, NothingIsLostWhereverAConnectionBreaks) {
  if (!features().cuts) GTEST_SKIP() << "has no connections that break";
  std::uint64_t bytes = 1;
  WorkThrough(Large() ? 40 : 8, [&] {
    environment().CutConnectionsAfter(bytes % 5'000);
    bytes = bytes * 2'654'435'761 % 1'000'003;
  });
}

// Handlers that fail, whose messages go round or to the dead letters: these moves are safe as well.
TEST_P(DisturbedSuite, RetriesAndDeadLettersAreSafeWhenConnectionsBreak) {
  if (!features().cuts) GTEST_SKIP() << "has no connections that break";
  const std::string queue = Queue();
  names_.push_back(DeadLetterQueue(queue));
  const int count = Large() ? 1'000 : 150;
  const auto ids = PublishNumbered(queue, count);
  std::set<std::string> done;
  std::set<std::string> buried;
  bool ended = false;
  const auto work = [&](Consumer& consumer) -> Task<void> {
    for (;;) {
      auto delivery = co_await consumer.Next();
      if (!delivery) break;
      const std::string id = delivery->message().id;
      const int number = std::stoi(delivery->message().body);
      const ms delay(capabilities().delay && number % 5 == 0 ? unit().count() / 4 : 0);
      Status settled;
      if (number % 7 == 0) {
        settled = co_await delivery->Bury(DeathReason::kFailed, "broken", timers().Now());
        if (settled) buried.insert(id);
      } else if (number % 2 == 0 && delivery->attempt() < 3) {
        settled = co_await delivery->Retry("broken", delay, timers().Now());
      } else {
        done.insert(id);
        settled = co_await delivery->Ack();
      }
    }
    ended = true;
  };
  auto consumer = Consume(queue, 10);
  Spawn(work(*consumer));
  const auto so_far = [&] { return done.size() + buried.size(); };
  const int cuts = Large() ? 20 : 5;
  for (int cut = 1; cut <= cuts; ++cut) {
    const auto enough = static_cast<std::size_t>(count) * static_cast<std::size_t>(cut) / (cuts + 2);
    ASSERT_TRUE(Until([&] { return so_far() >= enough; })) << so_far() << " of " << count;
    environment().CutConnections();
  }
  // One whose burial was done, and whose answer the break took, is among the dead letters and nowhere else.
  std::set<std::string> dead;
  const auto collect = [&]() -> Task<void> {
    for (;;) {
      auto popped = co_await transport().Pop(DeadLetterQueue(queue), ms(0));
      if (!popped || !*popped) break;
      dead.insert((*popped)->message().id);
      std::ignore = co_await (*popped)->Ack();
    }
  };
  EXPECT_TRUE(Until([&] {
    Run(collect());
    return std::ranges::all_of(ids, [&](const std::string& id) { return done.contains(id) || dead.contains(id); });
  })) << done.size()
      << " done and " << dead.size() << " dead of " << count;
  for (const std::string& id : buried) EXPECT_TRUE(dead.contains(id)) << "buried, and not there: " << id;
  Run(consumer->Stop());
  EXPECT_TRUE(Until([&] { return ended; }));
}

// Half open: no end of the connection tells of it.
TEST_P(DisturbedSuite, NothingIsLostWhenConnectionsGoSilent) {
  if (!features().silences) GTEST_SKIP() << "has no connections that go silent";
  WorkThrough(Large() ? 6 : 2, [&] {
    environment().Silence();
    EXPECT_TRUE(Until([&] { return environment().noticed(); })) << "nobody gave up a connection that is dead";
    environment().EndSilence();
  });
}

// Process after process takes messages and is killed (-9) while it handles them.
TEST_P(DisturbedSuite, NothingIsLostWhenConsumersAreKilledInMidHandler) {
  if (!features().several || features().virtual_time) GTEST_SKIP() << "one transport is all there is, or time stands";
  const std::string queue = Queue();
  const int count = Large() ? 1'000 : 100;
  const auto ids = PublishNumbered(queue, count);
  std::set<std::string> handled;
  ConsumeOptions options(4);
  options.lease = 4 * unit();
  for (int death = 0; death < (Large() ? 10 : 4); ++death) {
    auto process = Open();
    const auto worker = std::make_unique<MortalWorker>(handled);
    std::vector<std::unique_ptr<Consumer>> consumers;
    for (int i = 0; i < 3; ++i) {
      consumers.push_back(Must(Run(process->Consume(queue, options))));
      Spawn(worker->Work(*consumers.back(), timers(), unit() / 4));
    }
    const std::size_t before = handled.size();
    ASSERT_TRUE(Until([&] { return worker->in_hand() > 0 && handled.size() >= before + 3; }));
    worker->Die();
    environment().Abandon(std::move(process));
    consumers.clear();
    ASSERT_TRUE(Until([&] { return worker->running() == 0; }));
  }
  Worker survivor;
  auto consumer = Consume(queue, 10);
  Spawn(survivor.Work(*consumer, false));
  EXPECT_TRUE(Until([&] {
    return std::ranges::all_of(
        ids, [&](const std::string& id) { return handled.contains(id) || survivor.handled().contains(id); });
  })) << handled.size()
      << " and " << survivor.handled().size() << " of " << count;
  Run(consumer->Stop());
  EXPECT_TRUE(Until([&] { return survivor.ended(); }));
  EXPECT_TRUE(Empty(queue));
}

TEST_P(DisturbedSuite, NothingIsLostWhenTheServerIsKilled) {
  if (!features().server || !capabilities().durable) GTEST_SKIP() << "has no server that keeps its data";
  WorkThrough(Large() ? 5 : 2, [&] {
    environment().KillServer();
    Settle();
    environment().StartServer();
  });
}

TEST_P(DisturbedSuite, WhatIsDelayedOutlivesTheServer) {
  if (!features().server || !capabilities().durable || !capabilities().delay) GTEST_SKIP() << "has no such server";
  const std::string queue = Queue();
  const auto publish_later = [&] {
    std::vector<std::string> ids;
    PublishOptions later;
    for (int i = 0; i < 20; ++i) {
      Message message = Numbered(i);
      ids.push_back(message.id);
      later.delay = (i % 4 + 1) * 2 * unit();
      Publish(queue, std::move(message), later);
    }
    return ids;
  };
  // A first round, since what holds them may be made by it, and RabbitMQ keeps nothing of a quorum queue that is killed in
  // its first moments (docs/rabbitmq.md).
  TakeAll(queue, publish_later());
  std::vector<std::string> ids = publish_later();
  PublishNumbered(queue, 1);
  Delivery failed = Pop(queue);
  ids.push_back(failed.message().id);
  EXPECT_TRUE(Run(failed.Retry("not yet", 4 * unit(), timers().Now())));
  environment().KillServer();
  environment().StartServer();
  EXPECT_GE(TakeAll(queue, ids).size(), ids.size());
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

}  // namespace
}  // namespace tidings::messaging::testing
