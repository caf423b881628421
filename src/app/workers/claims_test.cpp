#include "claims.hpp"

#include <gtest/gtest.h>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

TEST(Claims, ALaneIsOnesAloneUntilItIsLeftOrItsHolderEnds) {
  const TempFolder folder;
  auto first = Claims::Open(folder.File("claims"));
  ASSERT_TRUE(first);
  {
    auto second = Claims::Open(folder.File("claims"));
    ASSERT_TRUE(second);
    EXPECT_TRUE(first->TakeLane(0));
    EXPECT_FALSE(second->TakeLane(0));
    EXPECT_TRUE(second->TakeLane(1));
    first->LeaveLane(0);
    EXPECT_TRUE(second->TakeLane(0));
    EXPECT_TRUE(second->TakeSplitting());
    EXPECT_FALSE(first->TakeSplitting());
  }
  EXPECT_TRUE(first->TakeLane(0));
  EXPECT_TRUE(first->TakeLane(1));
  EXPECT_TRUE(first->TakeSplitting());
}

TEST(Claims, SharesAreAllLanesTogether) {
  const TempFolder folder;
  for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 7U}) {
    std::vector<Claims> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(*Claims::Open(folder.File("claims")));
    std::size_t sum = 0;
    for (const Claims& claims : all) {
      EXPECT_LE(claims.Share(4), (4 + count - 1) / count);
      sum += claims.Share(4);
    }
    EXPECT_EQ(sum, 4U) << count;
  }
}

}  // namespace
}  // namespace tidings::app
