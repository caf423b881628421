#include <tidings/net/chat/typing_board.hpp>

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidings::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class TypingBoardTest : public ::testing::Test {
 protected:
  void Say(bool active) { board_.Say({1, 2, "room", "ann"}, active, now_); }
  void Pass(Millis time) {
    for (const Millis end = now_ + time; now_ < end;) {
      now_ += 50;
      board_.OnTick(now_);
    }
  }

  Millis now_ = 100'000;
  bool small_ = true;
  std::vector<std::pair<Millis, bool>> told_;  // when, since the beginning
  TypingBoard board_{[this](const TypingBoard::Typist& who, bool active) {
    EXPECT_EQ(who.room_id + " " + who.user_id, "room ann");
    if (active && !small_) return false;
    told_.emplace_back(now_ - 100'000, active);
    return true;
  }};
};

TEST_F(TypingBoardTest, TypingEndsByItself) {
  Say(true);
  Pass(20'000);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(6'000, false)));
  EXPECT_TRUE(board_.empty());
}

TEST_F(TypingBoardTest, WhoGoesOnIsToldAgainAndEndsAfterTheLast) {
  for (int i = 0; i < 10; ++i) {
    Say(true);
    Pass(500);
  }
  Pass(20'000);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(2'000, true), Pair(4'000, true), Pair(10'500, false)));
}

TEST_F(TypingBoardTest, AlternatingIsToldOnceInTwoSeconds) {
  for (int i = 0; i < 80; ++i) {
    Say(i % 2 == 0);
    Pass(50);
  }
  Say(true);
  Say(false);
  Pass(20'000);
  for (std::size_t i = 1; i < told_.size(); ++i) {
    EXPECT_GE(told_[i].first - told_[i - 1].first, 2'000);
    EXPECT_FALSE(!told_[i].second && !told_[i - 1].second) << "an end without a beginning";
  }
  EXPECT_FALSE(told_.back().second);
  EXPECT_LE(told_.size(), 4U);
  EXPECT_TRUE(board_.empty());
}

TEST_F(TypingBoardTest, TheLastStateIsToldLate) {
  Say(true);
  Pass(500);
  Say(false);
  Pass(1'450);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true)));
  Pass(500);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(2'000, false)));
  // A beginning right after it is told as soon as it may be.
  Say(true);
  Pass(20'000);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(2'000, false), Pair(4'000, true), Pair(8'450, false)));
}

TEST_F(TypingBoardTest, TrueAndFalseAndTrueAgainIsNoChange) {
  Say(true);
  Pass(500);
  Say(false);
  Say(true);
  Pass(5'900);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true)));
  Pass(1'000);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(6'500, false)));
}

TEST_F(TypingBoardTest, NoEndWithoutABeginning) {
  Say(false);
  EXPECT_TRUE(board_.empty());
  small_ = false;
  Say(true);
  Pass(1'000);
  Say(false);
  Pass(20'000);
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_TRUE(board_.empty());
}

TEST_F(TypingBoardTest, WhatWasToldEndsThoughTheRoomHasGrown) {
  Say(true);
  small_ = false;
  Pass(3'000);
  Say(true);
  Pass(20'000);
  EXPECT_THAT(told_, ElementsAre(Pair(0, true), Pair(9'000, false)));
  EXPECT_TRUE(board_.empty());
}

}  // namespace
}  // namespace tidings::net
