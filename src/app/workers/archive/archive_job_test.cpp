#include "archive/archive_job.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <filesystem>

#include <tidings/testing/temp_folder.hpp>

#include "archive/archive_file.hpp"
#include "folder.hpp"
#include "testing/job_rig.hpp"

namespace tidings::app {
namespace {

using messaging::Task;

constexpr const char* kRoom = "r";
constexpr const char* kDay = "2026-11-26";

std::string BlockOf(const std::string& text) {
  ArchiveBlock block;
  block.first = block.last = block.lines = 1;
  block.text = text;
  return PackBlock(block);
}

class ArchiveJobTest : public ::testing::Test {
 protected:
  ArchiveJobTest() {
    options_.data = folder_.path();
    kind_ = std::make_unique<ArchiveKind>(options_);
    rig_.Open(folder_.File("lane.db"), *kind_);
  }

  std::filesystem::path File(const std::string& day = kDay) const { return ArchiveFile(folder_.path(), kRoom, day); }
  std::filesystem::path Part() const { return File().string() + ".part"; }
  ArchiveFileRow RowOf(const std::string& day) { return ArchiveRows(rig_.database()).File(kRoom, day); }
  // A file of one block, and that it is known to the lane.
  void Put(const std::string& day, const std::string& bytes, std::uint64_t rewriting = 0) {
    ASSERT_TRUE(AppendAt(File(day), 0, bytes));
    ArchiveFileRow row;
    row.room = kRoom;
    row.day = day;
    row.bytes = bytes.size();
    row.lines = row.last = 1;
    row.rewriting = rewriting;
    rig_.Write([row](sqlite::Database& database) { database.Slot<ArchiveRows>().Rewrite(row); });
  }

  TempFolder folder_;
  ArchiveOptions options_;
  std::unique_ptr<ArchiveKind> kind_;
  JobRig rig_;
  const std::string before_ = BlockOf("{\"data\":{\"_id\":\"m1\",\"text\":\"it was said\"}}\n");
  const std::string after_ = BlockOf("{\"data\":{\"_id\":\"m1\",\"text\":\"\"},\"redacted\":true}\n");
};

TEST_F(ArchiveJobTest, AFileThatWasBeingWrittenAnewTakesItsPlace) {
  Put(kDay, before_, after_.size());
  ASSERT_TRUE(AppendAt(Part(), 0, after_));
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, 0U);
  EXPECT_EQ(RowOf(kDay).bytes, after_.size());
  EXPECT_EQ(**ReadFile(File()), after_);
}

TEST_F(ArchiveJobTest, OneThatHasTakenItsPlaceIsKnownByItsBytes) {
  Put(kDay, before_, after_.size());
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, after_.size()) << "another file is there";
  std::string damaged = after_;
  damaged.back() ^= 1;
  ASSERT_TRUE(ReplaceFile(File(), damaged));
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, after_.size()) << "one of the same size";
  ASSERT_TRUE(ReplaceFile(File(), after_));
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, 0U);
  EXPECT_EQ(RowOf(kDay).bytes, after_.size());
}

TEST_F(ArchiveJobTest, WhatCannotBeLookedForIsNotTakenForWhatIsDone) {
  Put(kDay, before_, after_.size());
  ASSERT_TRUE(ReplaceFile(File(), after_));
  std::filesystem::create_symlink(Part(), Part());
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, after_.size());
  std::filesystem::remove(Part());
  rig_.RunOnce();
  EXPECT_EQ(RowOf(kDay).rewriting, 0U);
}

TEST_F(ArchiveJobTest, ADeletionGivesWayToOthersBetweenTheFilesOfARoom) {
  const std::string other = BlockOf("{\"data\":{\"_id\":\"m2\",\"text\":\"another\"}}\n");
  for (int day = 10; day < 30; ++day) Put("2026-11-" + std::to_string(day), other);
  rig_.Write([](sqlite::Database& database) { database.Slot<ArchiveRows>().Redact(kRoom, "m1", "2026-11-01"); });
  const auto job = rig_.MakeJob();
  // The end comes while the first file is looked at.
  rig_.Run([](LaneJob& running) -> Task<void> {
    running.Begin();
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    co_await running.End(std::chrono::seconds(10));
  }(*job));
  EXPECT_TRUE(ArchiveRows(rig_.database()).NextRedaction(0)) << "it is left to whoever has the lane next";
  // The next one goes through all of them.
  const auto next = rig_.MakeJob();
  next->Begin();
  for (int tries = 0; tries < 6'000 && ArchiveRows(rig_.database()).NextRedaction(0); ++tries) {
    rig_.Run([](JobRig& rig) -> Task<void> { co_await rig.timers().Sleep(std::chrono::milliseconds(5)); }(rig_));
  }
  EXPECT_FALSE(ArchiveRows(rig_.database()).NextRedaction(0));
  rig_.Run([](LaneJob& running) -> Task<void> { co_await running.End(std::chrono::seconds(10)); }(*next));
}

}  // namespace
}  // namespace tidings::app
