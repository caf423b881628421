#include "lane.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace tidings::app {
namespace {

// As much longer as a retry is at random, and as the broker's step above it.
constexpr int kAtMostTimes = 2;

TEST(Lane, APieceThatWaitsForItsNextTryIsNotGivenUpByItsRoomMeanwhile) {
  const messaging::Retry retry = Patience();
  std::chrono::milliseconds all{0};
  for (std::uint32_t attempt = 1; const auto pause = retry.After(attempt); ++attempt) {
    ASSERT_LT(kAtMostTimes * *pause, RoomOrderBounds().gap) << attempt;
    all += *pause;
  }
  EXPECT_GT(all, std::chrono::days(5));
}

}  // namespace
}  // namespace tidings::app
