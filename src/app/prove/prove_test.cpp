// The proof within this process; that with processes and brokers is run by tests/queue.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <tidings/app/prove.hpp>
#include <tidings/base/temp_folder.hpp>

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

TEST(Prove, TakesAnEmptyFolderOnly) {
  const TempFolder folder;
  ProveOptions options;
  options.transport = "memory";
  options.kills = 1;
  options.folder = folder.path() + "/new";
  const auto tell = [](const std::string&) {};
  ASSERT_TRUE(Prove(options, tell)) << "it is made";
  const auto earlier = Prove(options, tell);
  ASSERT_FALSE(earlier);
  EXPECT_NE(earlier.error().message().find("holds an earlier proof"), std::string::npos) << earlier.error().message();

  options.folder = folder.path() + "/full";
  std::filesystem::create_directory(options.folder);
  std::ofstream(options.folder + "/letters.txt") << "somebody's";
  const auto full = Prove(options, tell);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message(), options.folder + " is no empty folder; name one, or none");
  std::ifstream left(options.folder + "/letters.txt");
  std::string text;
  EXPECT_TRUE(std::getline(left, text) && text == "somebody's");

  options.folder += "/letters.txt";
  EXPECT_FALSE(Prove(options, tell)) << "a file";
}

}  // namespace
}  // namespace tidings::app
