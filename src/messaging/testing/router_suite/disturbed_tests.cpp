// Router, DeadLetters, Requester and Responder at work while connections and servers die: nothing is lost, and all go on by
// themselves.
#include "testing/router_suite.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/dead_letters.hpp>
#include <tidings/messaging/requester.hpp>
#include <tidings/messaging/responder.hpp>

namespace tidings::messaging::testing {
namespace {

// What became of the requests of a test.
class Asked {
 public:
  std::size_t right = 0;
  std::size_t timeouts = 0;
  std::size_t refused = 0;  // it is not known whether they were accepted
  std::size_t wrong = 0;
  std::size_t ended() const { return right + timeouts + refused + wrong; }

  Task<void> Ask(Requester& requester, std::string queue, int number, std::chrono::milliseconds timeout) {
    Message question("twice", std::to_string(number));
    Address to = Address::Queue(std::move(queue));
    const auto reply = co_await requester.Request(std::move(to), std::move(question), timeout);
    if (reply) {
      ++(reply->body == std::to_string(2 * number) ? right : wrong);
    } else {
      ++(reply.error().code() == ErrorCode::kTimeout ? timeouts : refused);
    }
  }
  // One after the other.
  Task<void> AskEach(Requester& requester, std::string queue, int from, int count, std::chrono::milliseconds timeout) {
    for (int i = from; i < from + count; ++i) co_await Ask(requester, queue, i, timeout);
  }
};

Responder Twice() {
  return Responder([](const Message& question) -> Task<Result<std::string>> {
    co_return std::to_string(2 * std::stoi(question.body));
  });
}

}  // namespace

void DisturbedRouter::PublishUntilAccepted(int from, int count, std::set<std::string>& accepted) {
  runner_.Spawn([](Transport& to, Timers& clock, std::string queue, int first, int end,
                   std::set<std::string>& ids) -> Task<void> {
    for (int i = first; i < end; ++i) {
      const Message message("test.numbered", std::to_string(i));
      while (!co_await to.Publish(Address::Queue(queue), message)) co_await clock.Sleep(20ms);
      ids.insert(message.id);
    }
  }(transport(), timers(), queue_, from, from + count, accepted));
}

bool DisturbedRouter::NothingIsLeft() {
  const auto empty = [&](const std::string& queue) {
    const auto stats = Run(transport().Stats(queue));
    return stats && stats->ready + stats->unsettled + stats->delayed == 0;
  };
  return Until([&] { return empty(queue_) && empty(DeadLetterQueue(queue_)); });
}

namespace {

TEST_P(DisturbedRouter, EveryRequestEndsWhenConnectionsBreakAndLaterOnesAreAnswered) {
  if (!features().cuts || !features().several) GTEST_SKIP() << "has no connections that break";
  DeclareQueue(queue_);
  const auto elsewhere = Open();
  Router router(*elsewhere, timers());
  router.Subscribe(queue_, Lease(lease()), Twice());
  Start(router);
  Requester requester(transport(), timers());
  ASSERT_TRUE(Run(requester.Start()));
  constexpr int kAskers = 8;
  const int each = Large() ? 100 : 10;
  Asked asked;
  for (int i = 0; i < kAskers; ++i) Spawn(asked.AskEach(requester, queue_, i * each, each, 1s));
  const std::size_t all = kAskers * static_cast<std::size_t>(each);
  const std::size_t cuts = Large() ? 20 : 4;
  for (std::size_t cut = 1; cut <= cuts; ++cut) {
    ASSERT_TRUE(UntilAll(all * cut / (cuts + 2), [&] { return asked.ended(); })) << asked.ended() << " of " << all;
    environment().CutConnections();
  }
  ASSERT_TRUE(UntilAll(all, [&] { return asked.ended(); })) << asked.ended() << " of " << all;
  EXPECT_EQ(asked.wrong, 0U);
  EXPECT_GT(asked.right, 0U);
  EXPECT_EQ(requester.stats().timeouts, asked.timeouts);

  // They work again, with nothing done about it.
  EXPECT_TRUE(
      Until([&] { return Run(requester.Request(Address::Queue(queue_), Message("twice", "1"), 2s)).has_value(); }));
  Asked after;
  for (int i = 0; i < 20; ++i) Spawn(after.Ask(requester, queue_, i, 20s));
  ASSERT_TRUE(Until([&] { return after.ended() == 20; }));
  EXPECT_EQ(after.right, 20U) << after.timeouts << " timeouts, " << after.refused << " refused";
  Run(requester.Stop());
  Stop(router);
  Run(elsewhere->Close());
}

// To the dead letters and back: each of these moves is safe.
TEST_P(DisturbedRouter, NoLetterIsLostWhenConnectionsBreak) {
  if (!features().cuts || !features().several) GTEST_SKIP() << "has no connections that break";
  DeclareQueue(queue_);
  const int count = Large() ? 500 : 60;
  const std::size_t all = static_cast<std::size_t>(count);
  bool fixed = false;
  std::set<std::string> tried;
  std::set<std::string> handled;
  Router router(transport(), timers());
  router.Subscribe(queue_, Concurrency(4), Lease(lease()), Retry().Immediate(1), [&](Context& context) -> Task<Status> {
    tried.insert(context.message().id);
    if (!fixed) co_return Fail(ErrorCode::kUnavailable, "not yet");
    handled.insert(context.message().id);
    co_return Status();
  });
  const auto ids = PublishNumbered(queue_, count);
  Start(router);
  const auto cut_while = [&](const std::set<std::string>& rising) {
    const std::size_t cuts = Large() ? 10 : 3;
    for (std::size_t cut = 1; cut <= cuts; ++cut) {
      ASSERT_TRUE(UntilAll(all * cut / (cuts + 2), [&] { return rising.size(); })) << rising.size() << " of " << all;
      environment().CutConnections();
    }
  };
  cut_while(tried);
  const auto operators = Open();
  DeadLetters dead(*operators, timers());
  // Some of them twice, where a break took an answer.
  const auto all_are_dead = [&] {
    const auto letters = Run(dead.Peek(queue_));
    if (!letters) return false;
    std::set<std::string> there;
    for (const Message& letter : *letters) there.insert(letter.id);
    return std::ranges::all_of(ids, [&](const std::string& id) { return there.contains(id); });
  };
  ASSERT_TRUE(Until(all_are_dead)) << Stats(DeadLetterQueue(queue_)).ready << " of " << all;

  fixed = true;
  bool replayed = false;
  const auto replay = [&]() -> Task<void> {
    ReplayOptions fast;
    fast.per_second = 0;
    while (handled.size() < all) {
      (void)co_await dead.Replay(queue_, fast);
      co_await timers().Sleep(10ms);
    }
    replayed = true;
  };
  Spawn(replay());
  cut_while(handled);
  EXPECT_TRUE(UntilAll(all, [&] { return handled.size(); })) << handled.size() << " of " << all << " were replayed";
  ASSERT_TRUE(Until([&] { return replayed; }));
  // What was replayed twice, or could not be acknowledged.
  ReplayOptions rest;
  rest.per_second = 0;
  EXPECT_TRUE(Until([&] {
    const auto report = Run(dead.Replay(queue_, rest));
    return report && report->looked_at == 0;
  }));
  EXPECT_TRUE(NothingIsLeft());
  Stop(router);
  Run(operators->Close());
}

TEST_P(DisturbedRouter, EveryMessageIsHandledWhenTheServerIsKilled) {
  if (!features().server || !capabilities().durable) GTEST_SKIP() << "has no server that keeps its data";
  DeclareQueue(queue_);
  std::set<std::string> handled;
  Router router(transport(), timers());
  // One in three needs a second try, one in three a third.
  router.Subscribe(queue_, Concurrency(4), Lease(lease()), Retry().Immediate(1).Delayed(50ms),
                   [&](Context& context) -> Task<Status> {
                     const int number = std::stoi(context.message().body);
                     if (context.attempt() <= static_cast<std::uint32_t>(number % 3)) {
                       co_return Fail(ErrorCode::kUnavailable, "again");
                     }
                     handled.insert(context.message().id);
                     co_return Status();
                   });
  Start(router);
  std::set<std::string> accepted;
  // RabbitMQ may keep nothing of a quorum queue that is killed in its first moments (docs/rabbitmq.md).
  PublishUntilAccepted(0, 12, accepted);
  ASSERT_TRUE(UntilAll(12, [&] { return handled.size(); })) << handled.size();
  constexpr int kProducers = 4;
  const int each = Large() ? 250 : 25;
  const std::size_t all = 12 + kProducers * static_cast<std::size_t>(each);
  for (int i = 0; i < kProducers; ++i) PublishUntilAccepted(12 + i * each, each, accepted);
  const std::size_t kills = Large() ? 3 : 1;
  for (std::size_t kill = 1; kill <= kills; ++kill) {
    ASSERT_TRUE(UntilAll(12 + (all - 12) * kill / (kills + 1), [&] { return handled.size(); })) << handled.size();
    environment().KillServer();
    Settle();
    environment().StartServer();
  }
  ASSERT_TRUE(UntilAll(all, [&] { return accepted.size(); })) << accepted.size() << " of " << all << " were accepted";
  // What was not known to be accepted may have been handled too.
  EXPECT_TRUE(UntilAll(all,
                       [&] {
                         return static_cast<std::size_t>(std::ranges::count_if(
                             accepted, [&](const std::string& id) { return handled.contains(id); }));
                       }))
      << "handled " << handled.size() << " of " << all;
  EXPECT_TRUE(NothingIsLeft());
  Stop(router);
}

}  // namespace
}  // namespace tidings::messaging::testing
