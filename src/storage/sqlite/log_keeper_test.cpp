// The write-ahead log stays bounded.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <thread>

#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

std::uintmax_t LogSize(const TempFolder& folder) {
  return std::filesystem::file_size(folder.File("store/tidings.db-wal"));
}

TEST(Log, StaysSmallUnderLoad) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_pages = 100;
  const auto store = Started(options);
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(Append(*store, "room " + std::to_string(i % 9), std::string(900, 'x')));
  EXPECT_LT(LogSize(folder), 130U * 4'120);
  EXPECT_GT(store->stats().checkpoints, 10U);
  EXPECT_EQ(store->stats().wal_file_bytes, LogSize(folder) - 32);
}

TEST(Log, IsMovedAtRest) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_after = std::chrono::milliseconds(20);
  const auto store = Started(options);
  ASSERT_TRUE(Append(*store, "room", "x"));
  for (int i = 0; i < 1'000 && store->stats().wal_bytes > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(store->stats().wal_bytes, 0U);
  EXPECT_EQ(store->stats().checkpoints, 1U);
}

TEST(Log, ThatAReaderHoldsGrowsToItsBoundAndHeals) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_pages = 20;
  options.checkpoint_wait_pages = 60;
  options.wal_most_pages = 150;
  options.checkpoint_after = std::chrono::milliseconds(20);
  const auto store = Started(options);
  ASSERT_TRUE(Append(*store, "room", "x"));
  std::promise<void> holds;
  std::promise<void> let_go;
  ASSERT_TRUE(store->readers().Read([&](Database& database) {
    database.Number("SELECT count(*) FROM events");
    holds.set_value();
    let_go.get_future().wait();
  }));
  holds.get_future().wait();
  int stored = 0;
  Result<eventing::Appended> last = Append(*store, "room", "x");
  while (last && ++stored < 500) last = Append(*store, "room", std::string(900, 'x'));
  ASSERT_FALSE(last) << "the log grew without a bound";
  EXPECT_EQ(last.error().code(), ErrorCode::kStorageFull);
  EXPECT_GT(store->stats().checkpoints_held, 0U);
  EXPECT_LT(LogSize(folder), 170U * 4'120);
  let_go.set_value();
  for (int i = 0; i < 1'000 && !last; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    last = Append(*store, "room", "x");
  }
  EXPECT_TRUE(last);
  EXPECT_LT(LogSize(folder), 100U * 4'120);
}

// A disk that is full where the index of the log is to grow leaves a commit's outcome unknown.
TEST(Log, TheIndexOfTheLargestLogHasItsRoomFromTheStart) {
  const TempFolder folder;
  auto options = In(folder);
  options.wal_most_pages = 100'000;
  options.checkpoint_pages = 1'000'000;
  options.checkpoint_after = std::chrono::milliseconds(0);
  const auto store = Started(options);
  const auto index = [&] {
    struct stat found{};
    EXPECT_EQ(stat(folder.File("store/tidings.db-shm").c_str(), &found), 0);
    return std::pair(found.st_size, found.st_blocks * 512);
  };
  const auto before = index();
  EXPECT_GE(before.first, 100'000 / 4'096 * 32'768);
  EXPECT_GE(before.second, before.first) << "it has holes";
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(Append(*store, "room", std::string(1'000'000, 'x')));
  EXPECT_GT(store->stats().wal_bytes.load(), 8'192U * 4'096) << "a log of several blocks";
  EXPECT_EQ(index(), before);
}

}  // namespace
}  // namespace tidings::sqlite::testing
