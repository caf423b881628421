#include <tidings/base/rate_limiter.hpp>

#include <gtest/gtest.h>

namespace tidings {
namespace {

using std::chrono::milliseconds;

TEST(RateLimiter, AllowsABurstAndThenTheRate) {
  FakeClock clock;
  RateLimiter limiter(clock, {.per_second = 10, .burst = 3}, 100);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a"), 0);
  EXPECT_EQ(limiter.Take("a"), 100);
  EXPECT_EQ(limiter.Take("b"), 0);
  clock.Advance(milliseconds(99));
  EXPECT_EQ(limiter.Take("a"), 1);
  clock.Advance(milliseconds(1));
  EXPECT_EQ(limiter.Take("a"), 0);
  EXPECT_GT(limiter.Take("a"), 0);
  clock.Advance(std::chrono::hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a"), 0);
  EXPECT_GT(limiter.Take("a"), 0);
}

TEST(RateLimiter, KeepsTheRateOverALongTime) {
  FakeClock clock;
  RateLimiter limiter(clock, {.per_second = 7, .burst = 1}, 100);
  int allowed = 0;
  for (int i = 0; i < 100'000; ++i) {
    allowed += limiter.Take("a") == 0;
    clock.Advance(milliseconds(1));
  }
  EXPECT_NEAR(allowed, 700, 10);
}

TEST(RateLimiter, WaitingAsLongAsItSaysIsEnough) {
  FakeClock clock;
  RateLimiter limiter(clock, {.per_second = 3, .burst = 2}, 100);
  for (int i = 0; i < 50; ++i) {
    const Millis wait = limiter.Take("a");
    if (wait == 0) continue;
    clock.Advance(milliseconds(wait));
    EXPECT_EQ(limiter.Take("a"), 0);
  }
}

TEST(RateLimiter, TakesCosts) {
  FakeClock clock;
  RateLimiter limiter(clock, {.per_second = 1, .burst = 10}, 100);
  EXPECT_EQ(limiter.Take("a", 7), 0);
  EXPECT_EQ(limiter.Take("a", 7), 4000);
  EXPECT_EQ(limiter.Take("a", 3), 0);
  EXPECT_EQ(limiter.Take("b", 1000), 0);  // as much as a full bucket
  EXPECT_EQ(limiter.Take("b", 1), 1000);
}

TEST(RateLimiter, ForgetsTheOneNotSeenForLongest) {
  FakeClock clock;
  RateLimiter limiter(clock, {.per_second = 1, .burst = 1}, 2);
  EXPECT_EQ(limiter.Take("a"), 0);
  EXPECT_EQ(limiter.Take("b"), 0);
  EXPECT_GT(limiter.Take("a"), 0);
  EXPECT_EQ(limiter.Take("c"), 0);  // forgets b
  EXPECT_EQ(limiter.size(), 2U);
  EXPECT_GT(limiter.Take("a"), 0);
  EXPECT_EQ(limiter.Take("b"), 0);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(limiter.Take(std::to_string(i)), 0);
  EXPECT_EQ(limiter.size(), 2U);
}

}  // namespace
}  // namespace tidings
