#include <tidings/realtime/timer.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;

TEST(TimerWheel, FiresInTimeAndOnce) {
  TimerWheel wheel(1'000);
  std::vector<int> fired;
  FunctionTimer first([&] { fired.push_back(1); });
  FunctionTimer second([&] { fired.push_back(2); });
  wheel.Arm(first, 1'100);
  wheel.Arm(second, 1'050);
  wheel.Advance(1'049);
  EXPECT_TRUE(fired.empty());
  wheel.Advance(1'066);
  EXPECT_THAT(fired, ElementsAre(2));
  wheel.Advance(2'000);
  wheel.Advance(20'000);
  EXPECT_THAT(fired, ElementsAre(2, 1));
  EXPECT_FALSE(first.armed());
}

TEST(TimerWheel, SaysWhenItIsNextDue) {
  TimerWheel wheel(0);
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
  FunctionTimer timer([] {});
  wheel.Arm(timer, 25'000);
  Millis now = 0;
  int calls = 0;
  while (timer.armed()) {
    ASSERT_TRUE(wheel.NextDeadline());
    ASSERT_GT(*wheel.NextDeadline(), now);
    now = *wheel.NextDeadline();
    wheel.Advance(now);
    ++calls;
  }
  EXPECT_GE(now, 25'000);
  EXPECT_LT(now, 25'020);
  EXPECT_LE(calls, 5);
}

TEST(TimerWheel, TimersMayDoAnythingWhenTheyFire) {
  TimerWheel wheel(0);
  int fired = 0;
  auto victim = std::make_unique<FunctionTimer>([&] { ADD_FAILURE(); });
  std::unique_ptr<FunctionTimer> self;
  FunctionTimer other([&] { ++fired; });
  FunctionTimer killer([&] {
    victim.reset();
    wheel.Arm(other, 0);  // already due: fires with the next call, not in this one
    ++fired;
  });
  self = std::make_unique<FunctionTimer>([&] { self.reset(); });
  wheel.Arm(killer, 10);
  wheel.Arm(*victim, 10);
  wheel.Arm(*self, 10);
  wheel.Advance(100);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(self, nullptr);
  wheel.Advance(200);
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, OutlivesAndIsOutlivedByItsTimers) {
  FunctionTimer later([] {});
  {
    TimerWheel wheel(0);
    wheel.Arm(later, 10);
  }
  EXPECT_FALSE(later.armed());
}

// Against a plain list, over jumps of the clock of every size.
TEST(TimerWheel, BehavesLikeAList) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Millis now = 5'000;
    TimerWheel wheel(now);
    std::vector<std::unique_ptr<FunctionTimer>> timers;
    std::map<int, Millis> expected;
    for (int i = 0; i < 200; ++i) {
      timers.push_back(std::make_unique<FunctionTimer>([&, i] {
        ASSERT_TRUE(expected.contains(i));
        EXPECT_LE(expected[i], now);
        expected.erase(i);
      }));
    }
    for (int step = 0; step < 500; ++step) {
      const int i = static_cast<int>(random() % timers.size());
      if (random() % 4 == 0) {
        timers[static_cast<std::size_t>(i)]->Disarm();
        expected.erase(i);
      } else {
        expected[i] = now + static_cast<Millis>(random() % 30'000);
        wheel.Arm(*timers[static_cast<std::size_t>(i)], expected[i]);
      }
      now += static_cast<Millis>(random() % 10 == 0 ? random() % 20'000 : random() % 60);
      wheel.Advance(now);
      for (const auto& [timer, due] : expected) ASSERT_GT(due, now - 17) << "timer " << timer << " is late";
    }
  }
}

}  // namespace
}  // namespace tidings::realtime
