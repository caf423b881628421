// What the SQLite store does beyond the suite of all event stores.
#include <tidings/storage/sqlite/event_store.hpp>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

using eventing::Expected;
using eventing::ImportedEvent;
using eventing::NewEvent;

bool HoldsText(const TempFolder& folder, const std::string& text) {
  for (const auto& [name, bytes] : Files(folder.File("store"))) {
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

template <class Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 2'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void RedactFirst(SqliteEventStore& store, const std::string& stream) {
  ASSERT_TRUE(Do(store, [&](SqliteTransaction& transaction) -> Status {
    transaction.Redact(*transaction.FindStream(stream), 1, "{}");
    return {};
  }));
}

TEST(SqliteEventStore, RedactedTextLeavesEveryFileSoon) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_after = std::chrono::milliseconds(20);
  const auto store = Started(options);
  const std::string small = "a small secret of one line";
  const std::string large = "a large secret " + std::string(30'000, 's');
  ASSERT_TRUE(Append(*store, "small", small));
  ASSERT_TRUE(Append(*store, "large", large));
  EXPECT_TRUE(HoldsText(folder, small));
  RedactFirst(*store, "small");
  RedactFirst(*store, "large");
  EXPECT_TRUE(Eventually([&] { return !HoldsText(folder, small) && !HoldsText(folder, "ssssssssssssssss"); }));
  EXPECT_EQ(store->CheckIntegrity()->size(), 0U);
}

TEST(SqliteEventStore, RedactedTextLeavesUnderLoadToo) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_after = std::chrono::milliseconds(20);
  const auto store = Started(options);
  ASSERT_TRUE(Append(*store, "room", "a small secret of one line"));
  RedactFirst(*store, "room");
  EXPECT_TRUE(
      Eventually([&] { return Append(*store, "room", "more") && !HoldsText(folder, "a small secret of one line"); }));
}

TEST(SqliteEventStore, TextIsPlainInTheFile) {
  const TempFolder folder;
  auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "grüße an alle"));
  store.reset();
  EXPECT_TRUE(HoldsText(folder, "grüße an alle"));
}

TEST(SqliteEventStore, APositionIsNotGivenAgainAfterADeletion) {
  const TempFolder folder;
  {
    const auto store = Started(In(folder));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append(*store, "room", "x"));
    ASSERT_TRUE(Do(*store, [](SqliteTransaction& transaction) -> Status {
      transaction.database().Execute("DELETE FROM events WHERE position > 2");
      return {};
    }));
  }
  const auto store = Started(In(folder));
  EXPECT_EQ(store->Head(), 2U);
  EXPECT_EQ(Append(*store, "room", "x")->position, 6U);
}

TEST(SqliteEventStore, TablesOfOthersShareTheCommit) {
  const TempFolder folder;
  auto options = In(folder);
  options.parts.emplace_back("extra", std::vector<std::string>{"CREATE TABLE extra (a UNIQUE)"});
  const auto store = Started(options);
  const auto put = [&](int a) {
    return Do(*store, [a](SqliteTransaction& transaction) -> Status {
      const NewEvent event("noted", "x");
      (void)transaction.Append("room", Expected::Any(), {&event, 1});
      Statement(transaction.database(), "INSERT INTO extra VALUES (?)").Execute(a);
      return {};
    });
  };
  EXPECT_TRUE(put(1));
  EXPECT_EQ(put(1).error().code(), ErrorCode::kInternal) << "a constraint is a defect: refused as a whole";
  EXPECT_TRUE(put(2));
  std::int64_t sum = 0;
  store->readers().ReadNow([&](Database& database) { sum = database.Number("SELECT sum(a) FROM extra"); });
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(store->ReadAll(0, 10)->size(), 2U);
}

TEST(SqliteEventStore, ImportedIdsAreKeptOnlyWhereTheyCannotBeDerived) {
  const TempFolder folder;
  const auto from = Started(In(folder));
  ASSERT_TRUE(Append(*from, "room", "1"));
  ASSERT_TRUE(from->Backup(folder.File("copy")));
  const auto event = from->ReadAll(0, 1)->at(0);
  const Uuid foreign = Uuid::Random(event.at);
  ASSERT_TRUE(Do(*from, [&](SqliteTransaction& transaction) -> Status {
    const auto done =
        transaction.Import("other", Expected::Any(), ImportedEvent(NewEvent("noted", "2"), foreign, event.at));
    EXPECT_TRUE(done);
    return {};
  }));
  std::int64_t kept = 0;
  from->readers().ReadNow([&](Database& database) { kept = database.Number("SELECT count(id) FROM events"); });
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(from->ReadAll(1, 1)->at(0).id, foreign);
}

TEST(SqliteEventStore, CountsWhatItDoes) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Append(*store, "room", "x"));
  EXPECT_FALSE(store->AppendAndWait("room", Expected::NoStream(), {NewEvent("noted", "x")}));
  const Stats& stats = store->stats();
  // The last answer comes before the last count.
  EXPECT_TRUE(Eventually([&] { return stats.refused == 1; }));
  EXPECT_EQ(stats.units, 11U);
  EXPECT_EQ(stats.events, 10U);
  EXPECT_EQ(stats.commits, 10U);
  EXPECT_EQ(stats.batch_units.count(0), 11U);
  EXPECT_GT(stats.wal_bytes, 0U);
  EXPECT_EQ(stats.waiting, 0U);
}

TEST(SqliteEventStore, AFullDiskRefusesAndRecoversByItself) {
  const TempFolder folder;
  FaultDisk disk(1);
  const FaultVfs vfs(disk);
  auto options = In(folder);
  options.vfs = vfs.name();
  options.probe_every = std::chrono::milliseconds(20);
  options.checkpoint_pages = 50;
  bool fatal = false;
  options.fatal = [&](const std::string&) { fatal = true; };
  const auto store = Started(options);
  disk.SetRoom(1'000'000);
  int stored = 0;
  for (; stored < 1'000; ++stored) {
    const auto appended = Append(*store, "room", std::string(5'000, 'x'));
    if (appended) continue;
    EXPECT_EQ(appended.error().code(), ErrorCode::kStorageFull);
    break;
  }
  EXPECT_LT(stored, 1'000);
  ASSERT_FALSE(store->Healthy());
  EXPECT_EQ(store->Healthy().error().code(), ErrorCode::kStorageFull);
  EXPECT_EQ(store->ReadAll(0, 1'000)->size(), static_cast<std::size_t>(stored)) << "reading goes on";
  EXPECT_EQ(Append(*store, "room", "small").error().code(), ErrorCode::kStorageFull);
  EXPECT_EQ(Append(*store, "room", "small").error().message().find(folder.path()), std::string::npos)
      << "what clients are told names no path";

  // Units that find nothing to write run on; those that write after all are refused, and leave no trace.
  const auto look = [](SqliteTransaction& transaction) {
    return transaction.FindStream("room") ? Status() : Status(Fail(ErrorCode::kNotFound, "no room"));
  };
  const auto write = [](SqliteTransaction& transaction) {
    const eventing::NewEvent event("noted", "x");
    const auto appended = transaction.Append("other", eventing::Expected::Any(), {&event, 1});
    return appended ? Status() : Status(std::unexpected(appended.error()));
  };
  EXPECT_TRUE(Do(*store, look, true));
  EXPECT_EQ(Do(*store, look).error().code(), ErrorCode::kStorageFull);
  EXPECT_EQ(Do(*store, write, true).error().code(), ErrorCode::kStorageFull);
  EXPECT_EQ(Do(*store, write, true).error().code(), ErrorCode::kStorageFull);
  EXPECT_TRUE(Do(*store, look, true));
  EXPECT_EQ(store->ReadStream("other", 1, 1).error().code(), ErrorCode::kNotFound);
  disk.Heal();
  EXPECT_TRUE(Eventually([&] { return store->Healthy().has_value(); }));
  EXPECT_TRUE(Append(*store, "room", "small"));
  EXPECT_EQ(store->CheckIntegrity()->size(), 0U);
  EXPECT_FALSE(fatal);
  EXPECT_GT(store->stats().turned_away, 0U);
}

TEST(SqliteEventStore, WithoutMemoryItRefusesAndRecoversByItself) {
  const TempFolder folder;
  auto options = In(folder);
  options.probe_every = std::chrono::milliseconds(20);
  bool fatal = false;
  options.fatal = [&](const std::string&) { fatal = true; };
  const auto store = Started(options);
  ASSERT_TRUE(Append(*store, "room", "1"));
  sqlite3_hard_heap_limit64(sqlite3_memory_used() + 200'000);
  const auto refused = Append(*store, "room", std::string(2'000'000, 'x'));
  const Status health = store->Healthy();
  sqlite3_hard_heap_limit64(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(refused.error().message().contains("no memory")) << refused.error().message();
  EXPECT_FALSE(refused.error().message().contains(folder.path())) << "what clients are told names no path";
  EXPECT_FALSE(health);
  EXPECT_TRUE(Eventually([&] { return store->Healthy().has_value(); }));
  EXPECT_TRUE(Append(*store, "room", "2"));
  EXPECT_EQ(store->ReadAll(0, 10)->size(), 2U);
  EXPECT_FALSE(fatal);
}

TEST(SqliteEventStoreDeath, AFailedSyncEndsTheProcessWithOneLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const TempFolder folder;
        FaultDisk disk(1);
        const FaultVfs vfs(disk);
        auto options = In(folder);
        options.vfs = vfs.name();
        const auto store = Started(options);
        (void)Append(*store, "room", "x");
        disk.FailAt(disk.operations() + 1, FaultDisk::Fate::kError, true);
        (void)Append(*store, "room", "x");
      },
      ::testing::ExitedWithCode(70), "tidings: .*tidings.db: disk I/O error.*recovers when it is opened again");
}

}  // namespace
}  // namespace tidings::sqlite::testing
