// What Router, DeadLetters, Requester and Topic do on every transport. An implementation's test includes this and says:
//
//   INSTANTIATE_TEST_SUITE_P(Redis, RouterSuite, ::testing::Values(MyCase()), CaseName);
//
// The cases are those of transport_suite.hpp, with Features::steady.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <tidings/base/id.hpp>
#include <tidings/messaging/batch.hpp>
#include <tidings/messaging/dead_letters.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/requester.hpp>
#include <tidings/messaging/responder.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/messaging/topic.hpp>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

using namespace std::chrono_literals;

class RouterSuite : public TransportFixture {
 protected:
  void SetUp() override {
    TransportFixture::SetUp();
    queue_ = Name("router");
  }

  // Lets things happen until the condition holds; virtual time is moved on by the millisecond.
  bool Until(const std::function<bool()>& condition) {
    if (!features().virtual_time) return TransportFixture::Until(condition);
    for (int turn = 0; turn < 100'000; ++turn) {
      runner_.Poll();
      if (condition()) return true;
      virtual_timers().Advance(1ms);
    }
    return false;
  }

  void DeclareQueue(const std::string& queue) {
    const Status declared = Run(transport().Declare(Topology().AddQueue(queue)));
    ASSERT_TRUE(declared) << declared.error().message();
  }
  void Publish(Message message) {
    const auto published = Run(transport().Publish(Address::Queue(queue_), std::move(message), PublishOptions()));
    ASSERT_TRUE(published) << published.error().message();
  }
  void Start(Router& router) {
    const Status started = Run(router.Start());
    ASSERT_TRUE(started) << started.error().message();
  }
  // A stop moves time on where it stands still.
  void Stop(Router& router, std::chrono::milliseconds deadline = 5s, std::chrono::milliseconds grace = 1s) {
    bool stopped = false;
    runner_.Spawn([](Router& stopping, std::chrono::milliseconds until, std::chrono::milliseconds more,
                     bool& done) -> Task<void> {
      co_await stopping.Stop(until, more);
      done = true;
    }(router, deadline, grace, stopped));
    ASSERT_TRUE(Until([&] { return stopped; }));
  }
  std::vector<Message> Dead() {
    DeadLetters dead(transport(), timers());
    auto letters = Run(dead.Peek(queue_));
    EXPECT_TRUE(letters) << letters.error().message();
    return letters ? *letters : std::vector<Message>();
  }

  std::string queue_;
};

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

TEST_P(RouterSuite, WhatFollowsBearsCorrelationAndCausation) {
  const std::string next = Name("next");
  DeclareQueue(queue_);
  DeclareQueue(next);
  Router router(transport(), timers());
  router.Subscribe(queue_, [&](Context& context) -> Task<Outgoing> {
    co_return Outgoing(Address::Queue(next), context.Follow("second", context.message().body));
  });
  Message end;
  router.Subscribe(next, [&](Context& context) -> Task<Status> {
    end = context.message();
    co_return context.Reject("the end");
  });
  Start(router);
  Message first("first", "x");
  const std::string id = first.id;
  first.headers.Set(header::kTraceParent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  Publish(std::move(first));
  ASSERT_TRUE(Until([&] { return router.stats().buried == 1; }));
  Stop(router);
  EXPECT_EQ(end.headers.Get(header::kCorrelationId), id);
  EXPECT_EQ(end.headers.Get(header::kCausationId), id);
  EXPECT_EQ(end.headers.Get(header::kTraceParent), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  queue_ = next;
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "rejected");
  EXPECT_EQ(dead[0].headers.Get(header::kCorrelationId), id);
}

TEST_P(RouterSuite, AMessageThatComesAgainHasItsEffectOnce) {
  DeclareQueue(queue_);
  MemoryInbox inbox;
  int effect = 0;
  const Idempotent once(inbox);
  Router router(transport(), timers());
  router.Subscribe(queue_, once, [&](Context& context) -> Task<Status> {
    context.unit()->As<MemoryUnit>().OnCommit([&] { ++effect; });
    // The first try fails after it did its work.
    if (context.attempt() == 1) co_return Fail(ErrorCode::kUnavailable, "after the effect");
    co_return Status();
  });
  Start(router);
  const Message message("pay", "10");
  for (int i = 0; i < 5; ++i) Publish(message);
  ASSERT_TRUE(Until([&] { return router.stats().done == 5; }));
  Stop(router);
  EXPECT_EQ(effect, 1);
  EXPECT_EQ(once.repeats(), 4U);
}

TEST_P(RouterSuite, RequestsAreAnsweredByOneOfManyResponders) {
  DeclareQueue(queue_);
  Router first(transport(), timers());
  Router second(transport(), timers());
  const Responder twice([](const Message& question) -> Task<Result<std::string>> {
    if (question.body == "bad") co_return Fail(ErrorCode::kInvalid, "no number");
    co_return std::to_string(2 * std::stoi(question.body));
  });
  first.Subscribe(queue_, Prefetch(1), twice);
  second.Subscribe(queue_, Prefetch(1), twice);
  Start(first);
  Start(second);
  Requester requester(transport(), timers());
  ASSERT_TRUE(Run(requester.Start()));
  int right = 0;
  for (int i = 0; i < 20; ++i) {
    runner_.Spawn([](Requester& from, std::string queue, int number, int& count) -> Task<void> {
      Message question("twice", std::to_string(number));
      Address to = Address::Queue(std::move(queue));
      const auto reply = co_await from.Request(std::move(to), std::move(question), 60s);
      if (reply && reply->body == std::to_string(2 * number)) ++count;
    }(requester, queue_, i, right));
  }
  ASSERT_TRUE(Until([&] { return right == 20; }));
  const auto bad = Run(requester.Request(Address::Queue(queue_), Message("twice", "bad"), 60s));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(bad.error().message(), "no number");
  EXPECT_EQ(requester.stats().replies, 21U);
  Run(requester.Stop());
  Stop(first);
  Stop(second);
}

TEST_P(RouterSuite, EachGroupOfATopicGetsEverythingAndSharesIt) {
  if (!capabilities().exchanges) GTEST_SKIP() << "this transport has no exchanges";
  Topic topic(transport(), queue_);
  Topology topology = topic.topology();
  const std::string mail = topic.AddGroup(topology, "mail", "order.created");
  const std::string all = topic.AddGroup(topology, "all", "order.*");
  names_.push_back(mail);
  names_.push_back(all);
  ASSERT_TRUE(Run(transport().Declare(topology)));
  int mails = 0;
  int analytics = 0;
  const auto count = [](int& counter) {
    return [&counter](Context&) -> Task<void> {
      ++counter;
      co_return;
    };
  };
  Router router(transport(), timers());
  router.Subscribe(mail, count(mails));
  router.Subscribe(all, Named("first"), count(analytics));
  router.Subscribe(all, Named("second"), count(analytics));
  Start(router);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Run(topic.Publish(Message("order.created", "x"))));
    ASSERT_TRUE(Run(topic.Publish(Message("order.paid", "x"))));
    ASSERT_TRUE(Run(topic.Publish(Message("invoice.paid", "x"))));
  }
  ASSERT_TRUE(Until([&] { return router.stats().done == 30; }));
  Stop(router);
  EXPECT_EQ(mails, 10);
  EXPECT_EQ(analytics, 20);
}

TEST_P(RouterSuite, BatchesAreSettledEachMessageByItself) {
  DeclareQueue(queue_);
  std::vector<std::size_t> sizes;
  Router router(transport(), timers());
  router.Subscribe(queue_, Retry::Never(),
                   Batch(4, 50ms, [&](const std::vector<Message>& batch) -> Task<std::vector<Status>> {
                     sizes.push_back(batch.size());
                     std::vector<Status> results;
                     for (const Message& message : batch) {
                       results.push_back(message.body == "bad" ? Fail(ErrorCode::kInvalid, "bad") : Status());
                     }
                     co_return results;
                   }));
  for (const char* const body : {"a", "b", "bad", "c", "d"}) Publish(Message(body));
  Start(router);
  ASSERT_TRUE(Until([&] { return router.stats().done == 4 && router.stats().buried == 1; }));
  Stop(router);
  EXPECT_LE(*std::ranges::max_element(sizes), 4U);
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].body, "bad");
}

}  // namespace tidings::messaging::testing
