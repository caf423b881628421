#include <tidings/base/histogram.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tidings {
namespace {

TEST(Histogram, CountsEachValueInTheFirstBucketThatHoldsIt) {
  Histogram<3> histogram({{1, 10, 100}});
  for (const std::uint64_t value : {0, 1, 2, 10, 11, 100, 101, 5'000}) histogram.Add(value);
  EXPECT_EQ(histogram.count(0), 2U);
  EXPECT_EQ(histogram.count(1), 2U);
  EXPECT_EQ(histogram.count(2), 2U);
  EXPECT_EQ(histogram.count(3), 2U);
  EXPECT_EQ(histogram.sum(), 5'225U);
}

TEST(Histogram, LosesNothingBetweenThreads) {
  Histogram<2> histogram({{5, 50}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int value = 0; value < 1'000; ++value) histogram.Add(7);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(histogram.count(1), 4'000U);
  EXPECT_EQ(histogram.sum(), 28'000U);
}

}  // namespace
}  // namespace tidings
