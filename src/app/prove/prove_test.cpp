// The proof within this process; that with processes and brokers is run by tests/queue.
#include <gtest/gtest.h>

#include <tidings/app/prove.hpp>

namespace tidings::app {
namespace {

ProveReport InMemory(std::uint32_t kills, bool hasty) {
  ProveOptions options;
  options.transport = "memory";
  options.kills = kills;
  options.hasty = hasty;
  const auto report = Prove(options, [](const std::string&) {});
  EXPECT_TRUE(report) << report.error().message();
  return report ? *report : ProveReport();
}

TEST(Prove, KillsLoseNothing) {
  const ProveReport report = InMemory(40, false);
  EXPECT_GT(report.accepted, 100U);
  EXPECT_EQ(report.kills, 40U);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_EQ(report.duplicated, 0U);
  EXPECT_EQ(report.reordered, 0U);
  EXPECT_TRUE(report.right());
}

TEST(Prove, FindsTheLossOfAConsumerThatAcknowledgesBeforeItWorks) {
  const ProveReport report = InMemory(40, true);
  EXPECT_GT(report.accepted, 100U);
  EXPECT_GT(report.lost, 0U);
  EXPECT_FALSE(report.right());
}

}  // namespace
}  // namespace tidings::app
