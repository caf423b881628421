#include <tidings/messaging/router.hpp>
#include <tidings/messaging/signal.hpp>

#include <gmock/gmock.h>

#include <stdexcept>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

class RouterTest : public RouterFixture {};

TEST_F(RouterTest, NeedsItsQueues) {
  router_.Subscribe("q", [](Context&) -> Task<void> { co_return; });
  router_.Subscribe("nowhere", [](Context&) -> Task<void> { co_return; });
  const Status started = runner_.Run(router_.Start());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(router_.running());
  EXPECT_EQ(Stats().consumers, 0U);
}

TEST_F(RouterTest, RunsNoMoreThanItsConcurrency) {
  int now = 0;
  int most = 0;
  router_.Subscribe("q", Concurrency(3), Prefetch(10), [&](Context& context) -> Task<void> {
    most = std::max(most, ++now);
    co_await context.timers().Sleep(10ms);
    --now;
  });
  Start(router_);
  for (int i = 0; i < 9; ++i) Publish(Message("x"));
  Advance(29ms);
  EXPECT_EQ(router_.stats().done, 6U);
  Advance(1ms);
  EXPECT_EQ(router_.stats().done, 9U);
  EXPECT_EQ(most, 3);
  runner_.Run(router_.Stop());
}

TEST_F(RouterTest, SendsWhatTheHandlerReturnsBeforeItAcknowledgesAndOnlyIfItSucceeds) {
  router_.Subscribe("q", Retry().Immediate(1), [](Context& context) -> Task<Result<std::vector<Outgoing>>> {
    std::vector<Outgoing> all;
    all.emplace_back(Address::Queue("out"), context.Follow("a", "1"));
    all.emplace_back(Address::Queue("out"), context.Follow("b", "2"));
    context.Send(Address::Queue("out"), context.Follow("c", "3"));
    if (context.attempt() == 1) co_return Fail(ErrorCode::kUnavailable, "after Send");
    co_return all;
  });
  Start(router_);
  const Message message("x");
  Publish(message);
  runner_.Poll();
  const auto first = Take("out");
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[0].body, "3");
  EXPECT_EQ(first[1].headers.Get(header::kCausationId), message.id);
  // Handled again, what it sends is the same.
  Publish(message);
  runner_.Poll();
  const auto second = Take("out");
  ASSERT_EQ(second.size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(first[i].id, second[i].id);
  EXPECT_NE(first[0].id, first[1].id);
  runner_.Run(router_.Stop());
}

TEST_F(RouterTest, WhatCannotBeSentIsAFailureOfTheHandler) {
  router_.Subscribe("q", Retry::Never(), [](Context& context) -> Task<Outgoing> {
    co_return Outgoing(Address::Queue("nowhere"), context.Follow("a", "1"));
  });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  runner_.Run(router_.Stop());
  const auto dead = Take("q.dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_THAT(std::string(dead[0].headers.Get(header::kDeathError)), ::testing::HasSubstr("not accepted"));
}

TEST_F(RouterTest, MiddlewareStandsAroundTheHandlerOutermostFirst) {
  std::vector<std::string> trail;
  class Marking final : public Middleware {
   public:
    Marking(std::vector<std::string>& trail, std::string name) : trail_(trail), name_(std::move(name)) {}
    Task<Verdict> Handle(Context& context, Next next) override {
      trail_.push_back(name_ + ">");
      Verdict verdict = co_await next(context);
      trail_.push_back("<" + name_);
      co_return verdict;
    }

   private:
    std::vector<std::string>& trail_;
    std::string name_;
  };
  router_.Use(std::make_shared<Marking>(trail, "all"));
  router_.Subscribe("q", Use(std::make_shared<Marking>(trail, "one")), Use(std::make_shared<Marking>(trail, "two")),
                    [&](Context&) -> Task<void> {
                      trail.emplace_back("handler");
                      co_return;
                    });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  EXPECT_THAT(trail, ::testing::ElementsAre("all>", "one>", "two>", "handler", "<two", "<one", "<all"));
  runner_.Run(router_.Stop());
}

TEST_F(RouterTest, WhatAMiddlewareThrowsIsAFailure) {
  class Throwing final : public Middleware {
    Task<Verdict> Handle(Context&, Next) override {
      throw 7;
      co_return Verdict::Done();
    }
  };
  router_.Subscribe("q", Use(std::make_shared<Throwing>()), [](Context&) -> Task<void> { co_return; });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(router_.stats().buried, 1U);
  runner_.Run(router_.Stop());
}

TEST_F(RouterTest, BuriesElsewhereIfItIsTold) {
  router_.Subscribe("q", DeadLetter("out").After(1),
                    [](Context&) -> Task<Status> { co_return Fail(ErrorCode::kInternal, "bad"); });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  runner_.Run(router_.Stop());
  const auto dead = Take("out");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathQueue), "q");
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "failed");
}

TEST_F(RouterTest, LosesNothingWhereTheDeadLettersOwnQueueIsMissing) {
  router_.Subscribe("q", DeadLetter("nowhere").After(1),
                    [](Context&) -> Task<Status> { co_return Fail(ErrorCode::kInternal, "bad"); });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(router_.stats().buried, 0U);
  Declare(Topology().AddQueue("nowhere"));
  Advance(1s);
  EXPECT_EQ(router_.stats().buried, 1U);
  runner_.Run(router_.Stop());
  EXPECT_EQ(Take("nowhere").size(), 1U);
}

TEST_F(RouterTest, LeavesAHandlerToItselfThatCannotBeCancelled) {
  Signal stubborn(runner_.executor());
  bool ended = false;
  router_.Subscribe("q", [&](Context& context) -> Task<void> {
    const std::string body = context.message().body;
    while (!ended) {
      co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
      co_await stubborn.Wait();
    }
    EXPECT_EQ(context.message().body, body) << "what it works on stays its own";
  });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  bool stopped = false;
  runner_.Spawn([](Router& router, bool& done) -> Task<void> {
    co_await router.Stop(1s, 1s);
    done = true;
  }(router_, stopped));
  Advance(1'999ms);
  EXPECT_FALSE(stopped);
  Advance(1ms);
  EXPECT_TRUE(stopped);
  EXPECT_EQ(router_.stats().abandoned, 1U);
  EXPECT_EQ(Stats().ready, 1U);
  ended = true;
  stubborn.NotifyAll();
  runner_.Poll();
  EXPECT_EQ(Stats().ready, 1U) << "its answer counts no more";
}

TEST_F(RouterTest, AQueueThatIsDeletedEndsItsHandlerAlone) {
  int handled = 0;
  router_.Subscribe("q", [&](Context&) -> Task<void> {
    ++handled;
    co_return;
  });
  router_.Subscribe("out", [&](Context&) -> Task<void> {
    ++handled;
    co_return;
  });
  Start(router_);
  EXPECT_TRUE(runner_.Run(transport_.DeleteQueue("q")));
  runner_.Poll();
  Publish(Message("x"), "out");
  runner_.Poll();
  EXPECT_EQ(handled, 1);
  runner_.Run(router_.Stop());
}

TEST_F(RouterTest, FinishesWhatIsInHandIfItIsTold) {
  std::vector<std::string> handled;
  bool failed = false;
  router_.Subscribe("q", OrderByKey(), Prefetch(4), FinishInHand(), Retry().Delayed(1s),
                    [&](Context& context) -> Task<Status> {
                      co_await context.timers().Sleep(100ms);
                      if (!std::exchange(failed, true)) co_return Fail(ErrorCode::kInternal, "once");
                      handled.push_back(context.message().body);
                      co_return Status();
                    });
  for (const char* body : {"1", "2", "3", "4", "5", "6"}) {
    Message message{std::string(body)};
    message.key = "k";
    Publish(std::move(message));
  }
  Start(router_);
  bool stopped = false;
  runner_.Spawn([](Router& router, bool& done) -> Task<void> {
    co_await router.Stop(10s);
    done = true;
  }(router_, stopped));
  Advance(1'450ms);
  EXPECT_FALSE(stopped);
  Advance(500ms);
  EXPECT_TRUE(stopped);
  EXPECT_THAT(handled, ::testing::ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(Stats().ready, 2U) << "what was not taken stays";
}

TEST_F(RouterTest, StopsWithoutHavingStartedAndTwice) {
  router_.Subscribe("q", [](Context&) -> Task<void> { co_return; });
  runner_.Run(router_.Stop());
  Start(router_);
  EXPECT_TRUE(router_.running());
  Start(router_);
  EXPECT_EQ(Stats().consumers, 1U);
  runner_.Run(router_.Stop());
  runner_.Run(router_.Stop());
  EXPECT_EQ(Stats().consumers, 0U);
}

}  // namespace
}  // namespace tidings::messaging
