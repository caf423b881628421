// What a Router does on every transport.
#include "testing/router_suite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/json.hpp>
#include <tidings/messaging/dead_letters.hpp>

namespace tidings::messaging::testing {
namespace {

TEST_P(RouterSuite, HandlesEachMessageOnceAndAcknowledgesIt) {
  DeclareQueue(queue_);
  std::map<std::string, int> handled;
  Router router(transport(), timers());
  router.Subscribe(queue_, Concurrency(8), [&](Context& context) -> Task<void> {
    ++handled[context.message().body];
    co_return;
  });
  Start(router);
  for (int i = 0; i < 300; ++i) Publish(Message(std::to_string(i)));
  ASSERT_TRUE(Until([&] { return router.stats().done == 300; }));
  Stop(router);
  EXPECT_EQ(handled.size(), 300U);
  for (const auto& [body, times] : handled) EXPECT_EQ(times, 1) << body;
  EXPECT_EQ(Run(transport().Stats(queue_))->ready, 0U);
}

TEST_P(RouterSuite, AHandlerThatThrowsThreeTimesEndsAmongTheDeadLettersWithReasonAndHistory) {
  DeclareQueue(queue_);
  std::vector<std::uint32_t> attempts;
  Router router(transport(), timers());
  router.Subscribe(queue_, [&](Context& context) -> Task<void> {
    attempts.push_back(context.attempt());
    throw std::runtime_error("no stock for " + context.message().body);
    co_return;
  });
  Start(router);
  Message poison("order", "poison");
  poison.headers.Set("tenant", "7");
  const std::string id = poison.id;
  Publish(std::move(poison));
  ASSERT_TRUE(Until([&] { return router.stats().buried == 1; }));
  Stop(router);
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 2, 3}));
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].id, id);
  EXPECT_EQ(dead[0].body, "poison");
  EXPECT_EQ(dead[0].headers.Get("tenant"), "7");
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "failed");
  EXPECT_EQ(dead[0].headers.Get(header::kDeathError), "the handler threw: no stock for poison");
  EXPECT_EQ(dead[0].headers.Get(header::kDeathQueue), queue_);
  EXPECT_TRUE(ParseTime(dead[0].headers.Get(header::kDeathTime)));
  const auto history = json::Parse(dead[0].headers.Get(header::kHistory));
  ASSERT_TRUE(history);
  EXPECT_EQ(history->as_array().size(), 3U);
  EXPECT_EQ(dead[0].headers.Get(header::kFailures), "3") << "the last one too";
}

TEST_P(RouterSuite, AReplayedLetterKeepsItsIdAndBeginsAnew) {
  DeclareQueue(queue_);
  bool fixed = false;
  std::vector<std::uint32_t> attempts;
  Router router(transport(), timers());
  router.Subscribe(queue_, Retry().Immediate(1), [&](Context& context) -> Task<Status> {
    attempts.push_back(context.attempt());
    if (!fixed) co_return Fail(ErrorCode::kUnavailable, "not yet");
    co_return Status();
  });
  Start(router);
  Message message("work");
  const std::string id = message.id;
  Publish(std::move(message));
  ASSERT_TRUE(Until([&] { return router.stats().buried == 1; }));
  DeadLetters dead(transport(), timers());
  const auto queues = Run(dead.List());
  ASSERT_TRUE(queues);
  EXPECT_THAT(*queues, ::testing::Contains(::testing::Field(&DeadQueue::queue, queue_)));
  ReplayOptions dry;
  dry.dry_run = true;
  const auto would = Run(dead.Replay(queue_, dry));
  ASSERT_TRUE(would);
  EXPECT_EQ(would->selected, 1U);
  EXPECT_EQ(would->replayed, 0U);
  for (int look = 0; look < 3; ++look) {
    const auto letters = Dead();
    ASSERT_EQ(letters.size(), 1U) << "they stay where they are looked at";
    EXPECT_EQ(letters[0].id, id);
  }
  fixed = true;
  const auto replayed = Run(dead.Replay(queue_));
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_EQ(replayed->replayed, 1U);
  ASSERT_TRUE(Until([&] { return router.stats().done == 1; }));
  Stop(router);
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 2, 1}));
  EXPECT_TRUE(Dead().empty());
}

TEST_P(RouterSuite, WhatCannotBeReadGoesToTheDeadLettersAsItCame) {
  class Number {
   public:
    int value = 0;
    std::string Encode() const { return std::to_string(value); }
    static Result<Number> Decode(std::string_view body) {
      if (body.empty() || body[0] == '\0') return Fail(ErrorCode::kMalformed, "no number");
      return Number();
    }
  };
  DeclareQueue(queue_);
  int handled = 0;
  Router router(transport(), timers());
  router.Subscribe<Number>(queue_, [&](const Number&) -> Task<void> {
    ++handled;
    co_return;
  });
  Start(router);
  const std::string body("\0\xff\n not json", 12);
  Publish(Message(body));
  ASSERT_TRUE(Until([&] { return router.stats().buried == 1; }));
  Stop(router);
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(router.stats().retried, 0U);
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].body, body);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "undecodable");
}

TEST_P(RouterSuite, ADelayedRetryWaitsAndItsCountOutlastsTheRouter) {
  DeclareQueue(queue_);
  std::vector<std::uint32_t> attempts;
  std::vector<Millis> at;
  const auto handler = [&](Context& context) -> Task<Status> {
    attempts.push_back(context.attempt());
    at.push_back(context.timers().Steady());
    co_return Fail(ErrorCode::kUnavailable, "down");
  };
  const auto retry = Retry().Delayed(60ms, 90ms).Jitter(0);
  Publish(Message("work"));
  {
    Router first(transport(), timers());
    first.Subscribe(queue_, retry, handler);
    Start(first);
    ASSERT_TRUE(Until([&] { return first.stats().retried == 1; }));
    Stop(first);
  }
  Router second(transport(), timers());
  second.Subscribe(queue_, retry, handler);
  Start(second);
  ASSERT_TRUE(Until([&] { return second.stats().buried == 1; }));
  Stop(second);
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 2, 3}));
  ASSERT_EQ(at.size(), 3U);
  EXPECT_GE(at[1] - at[0], 60);
  EXPECT_GE(at[2] - at[1], 90);
}

TEST_P(RouterSuite, KeepsTheOrderOfEachKeyUnderParallelHandlersAndRetries) {
  constexpr int kKeys = 5;
  constexpr int kEach = 20;
  DeclareQueue(queue_);
  std::map<std::string, std::vector<int>> order;
  std::map<std::string, int> under_way;
  int together = 0;
  int most_together = 0;
  Router router(transport(), timers());
  router.Subscribe(queue_, OrderByKey(), Concurrency(8), Prefetch(64), Retry().Immediate(1).Delayed(10ms).Jitter(0),
                   [&](Context& context) -> Task<Status> {
                     const Message& message = context.message();
                     EXPECT_EQ(++under_way[message.key], 1);
                     most_together = std::max(most_together, ++together);
                     co_await context.timers().Sleep(1ms);
                     --together;
                     --under_way[message.key];
                     const int number = std::stoi(message.body);
                     // Each fourth fails once, each eighth twice.
                     const std::uint32_t failures = number % 8 == 0 ? 2 : number % 4 == 0 ? 1 : 0;
                     if (context.attempt() <= failures) co_return Fail(ErrorCode::kUnavailable, "again");
                     order[message.key].push_back(number);
                     co_return Status();
                   });
  for (int i = 0; i < kKeys * kEach; ++i) {
    Message message(std::to_string(i / kKeys));
    message.key = "key" + std::to_string(i % kKeys);
    Publish(std::move(message));
  }
  Start(router);
  ASSERT_TRUE(Until([&] { return router.stats().done == kKeys * kEach; }));
  Stop(router);
  EXPECT_GT(most_together, 1) << "keys do not wait for each other";
  EXPECT_EQ(order.size(), static_cast<std::size_t>(kKeys));
  for (const auto& [key, numbers] : order) {
    EXPECT_EQ(numbers.size(), static_cast<std::size_t>(kEach)) << key;
    if (capabilities().ordered) EXPECT_TRUE(std::ranges::is_sorted(numbers)) << key;
  }
}

TEST_P(RouterSuite, DrainsFinishingWhatRunsAndReturningTheRestUncounted) {
  DeclareQueue(queue_);
  int begun = 0;
  int finished = 0;
  std::set<std::string> handled;
  std::vector<std::uint32_t> attempts;
  Router router(transport(), timers());
  router.Subscribe(queue_, Concurrency(2), Prefetch(6), [&](Context& context) -> Task<void> {
    ++begun;
    attempts.push_back(context.attempt());
    co_await context.timers().Sleep(50ms);
    handled.insert(context.message().body);
    ++finished;
  });
  for (int i = 0; i < 10; ++i) Publish(Message(std::to_string(i)));
  Start(router);
  ASSERT_TRUE(Until([&] { return begun == 2; }));
  Stop(router);
  EXPECT_EQ(finished, begun);
  EXPECT_EQ(router.stats().done, static_cast<std::uint64_t>(finished));
  EXPECT_EQ(router.stats().handling, 0U);
  Start(router);
  ASSERT_TRUE(Until([&] { return router.stats().done == 10; }));
  Stop(router);
  EXPECT_EQ(handled.size(), 10U);
  EXPECT_EQ(attempts, std::vector<std::uint32_t>(10, 1));
}

TEST_P(RouterSuite, CancelsAtTheDeadlineAndReturnsUncounted) {
  DeclareQueue(queue_);
  bool begun = false;
  bool went_on = false;
  Router router(transport(), timers());
  router.Subscribe(queue_, [&](Context& context) -> Task<void> {
    begun = true;
    co_await context.timers().Sleep(24h);
    went_on = true;
  });
  Publish(Message("long"));
  Start(router);
  ASSERT_TRUE(Until([&] { return begun; }));
  Stop(router, 20ms);
  EXPECT_FALSE(went_on);
  EXPECT_EQ(router.stats().abandoned, 0U);
  EXPECT_EQ(router.stats().returned, 1U);
  auto again = Run(transport().Pop(queue_, 2s));
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->attempt(), 1U);
  EXPECT_TRUE(Run((*again)->Ack()));
}

TEST_P(RouterSuite, ASlowHandlerDoesNotStallOthers) {
  const std::string other = Name("other");
  DeclareQueue(queue_);
  DeclareQueue(other);
  int slow = 0;
  int quick = 0;
  bool let_go = false;
  Router router(transport(), timers());
  router.Subscribe(queue_, Concurrency(2), [&](Context& context) -> Task<void> {
    ++slow;
    while (!let_go) co_await context.timers().Sleep(5ms);
  });
  router.Subscribe(other, [&](Context&) -> Task<void> {
    ++quick;
    co_return;
  });
  Start(router);
  for (int i = 0; i < 50; ++i) Publish(Message("slow"));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Run(transport().Publish(Address::Queue(other), Message("quick"), PublishOptions())));
  }
  ASSERT_TRUE(Until([&] { return quick == 50; }));
  EXPECT_EQ(slow, 2) << "no more than the concurrency";
  let_go = true;
  ASSERT_TRUE(Until([&] { return slow == 50; }));
  Stop(router);
}

}  // namespace
}  // namespace tidings::messaging::testing
