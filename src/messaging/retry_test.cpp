#include <tidings/messaging/retry.hpp>

#include <gmock/gmock.h>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

std::vector<std::int64_t> Schedule(const Retry& retry) {
  std::vector<std::int64_t> delays;
  for (std::uint32_t attempt = 1;; ++attempt) {
    const auto delay = retry.After(attempt);
    if (!delay) return delays;
    delays.push_back(delay->count());
  }
}

TEST(Retry, IsThreeTriesUnlessItIsTold) {
  EXPECT_EQ(Retry().tries(), 3U);
  EXPECT_EQ(Schedule(Retry()), (std::vector<std::int64_t>{0, 0}));
  EXPECT_EQ(Schedule(Retry::Never()), (std::vector<std::int64_t>{}));
}

TEST(Retry, GoesFromImmediateToDelayedToBackOff) {
  EXPECT_EQ(Schedule(Retry().Immediate(2).Delayed(5s, 30s).Jitter(0)),
            (std::vector<std::int64_t>{0, 0, 5'000, 30'000}));
  EXPECT_EQ(Schedule(Retry().BackOff(1s, 3.0, 20s, 5).Jitter(0)),
            (std::vector<std::int64_t>{1'000, 3'000, 9'000, 20'000, 20'000}));
  EXPECT_EQ(Schedule(Retry().Delayed(5s).Jitter(0)), (std::vector<std::int64_t>{5'000})) << "delays alone, no default";
}

TEST(Retry, JitterOnlyProlongs) {
  double random = 0;
  const auto retry = Retry().Delayed(10s).Jitter(0.5, [&] { return random; });
  EXPECT_EQ(*retry.After(1), 10s);
  random = 0.5;
  EXPECT_EQ(*retry.After(1), 12'500ms);
  for (int i = 0; i < 100; ++i) {
    const auto delay = *Retry().Delayed(10s).After(1);
    EXPECT_GE(delay, 10s);
    EXPECT_LE(delay, 12s);
  }
}

TEST(Retry, SaysHowLongItsDelaysAreTogether) {
  EXPECT_EQ(Retry().Longest(), 0ms);
  EXPECT_EQ(Retry().Immediate(2).Delayed(5s, 30s).Jitter(0).Longest(), 35s);
  EXPECT_EQ(Retry().BackOff(1s, 3.0, 20s, 5).Longest(), 63'600ms) << "with the whole of the jitter";
}

class RetryTest : public RouterFixture {};

TEST_F(RetryTest, TriesAgainAtTheMillisecond) {
  std::vector<Millis> at;
  const Millis begin = timers_.Steady();
  router_.Subscribe("q", Retry().Immediate(1).Delayed(1s, 5s).Jitter(0), [&](Context& context) -> Task<Status> {
    at.push_back(context.timers().Steady() - begin);
    co_return Fail(ErrorCode::kUnavailable, "down");
  });
  Start(router_);
  Publish(Message("x"));
  Advance(10s);
  EXPECT_THAT(at, ::testing::ElementsAre(0, 0, 1'000, 6'000));
  EXPECT_EQ(router_.stats().buried, 1U);
  runner_.Run(router_.Stop());
}

TEST_F(RetryTest, OrderedByKeyTheLaterOnesWaitAndOtherKeysDoNot) {
  std::vector<std::string> handled;
  router_.Subscribe("q", OrderByKey(), Concurrency(1), Prefetch(8), Retry().Delayed(1s).Jitter(0),
                    [&](Context& context) -> Task<Status> {
                      if (context.message().body == "a1" && context.attempt() == 1) {
                        co_return Fail(ErrorCode::kUnavailable, "once");
                      }
                      handled.push_back(context.message().body);
                      co_return Status();
                    });
  Start(router_);
  for (const std::string body : {"a1", "a2", "b1", "a3", "b2"}) {
    Message message(body);
    message.key = body.substr(0, 1);
    Publish(std::move(message));
  }
  Advance(999ms);
  EXPECT_THAT(handled, ::testing::ElementsAre("b1", "b2"));
  EXPECT_EQ(router_.stats().waiting, 3U);
  Advance(1ms);
  EXPECT_THAT(handled, ::testing::ElementsAre("b1", "b2", "a1", "a2", "a3"));
  runner_.Run(router_.Stop());
  EXPECT_EQ(router_.stats().done, 5U);
}

TEST_F(RetryTest, AFailureCountedInHandIsWrittenIntoTheMessageAtAStop) {
  std::vector<std::uint32_t> attempts;
  const auto handler = [&](Context& context) -> Task<Status> {
    attempts.push_back(context.attempt());
    co_return Fail(ErrorCode::kUnavailable, "down");
  };
  router_.Subscribe("q", OrderByKey(), Retry().Delayed(1s, 1s).Jitter(0), handler);
  Start(router_);
  Message message("x");
  message.key = "k";
  Publish(std::move(message));
  Advance(400ms);
  runner_.Run(router_.Stop());
  EXPECT_EQ(Stats().delayed, 1U);
  Start(router_);
  Advance(599ms);
  EXPECT_THAT(attempts, ::testing::ElementsAre(1));
  Advance(1ms);
  EXPECT_THAT(attempts, ::testing::ElementsAre(1, 2));
  runner_.Run(router_.Stop());
}

}  // namespace
}  // namespace tidings::messaging
