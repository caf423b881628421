// The rules that keep SQLite's log safe: one connection writes and checkpoints, all others only read.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

TEST(Rules, OnlyTheWritersThreadChangesTheFiles) {
  const TempFolder folder;
  FaultDisk disk(1);
  const FaultVfs vfs(disk);
  auto options = In(folder);
  options.vfs = vfs.name();
  options.checkpoint_pages = 20;
  const auto store = Started(options);
  ASSERT_TRUE(store);
  std::thread::id writer;
  ASSERT_TRUE(Do(*store, [&](SqliteTransaction&) -> Status {
    writer = std::this_thread::get_id();
    return {};
  }));
  disk.ForgetWho();  // opening was on this thread
  std::atomic<int> reads{0};
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(Append(*store, "room " + std::to_string(i % 5), std::string(500, 'x')));
    ASSERT_TRUE(store->ReadAll(0, 50));
    ASSERT_TRUE(store->readers().Read([&](Database& database) {
      database.Number("SELECT count(*) FROM events");
      ++reads;
    }));
  }
  while (reads < 300) std::this_thread::yield();
  EXPECT_GT(store->stats().checkpoints, 5U);
  const std::set<std::thread::id> only{writer};
  EXPECT_EQ(disk.ChangedBy("-wal"), only);
  EXPECT_EQ(disk.ChangedBy(".db"), only);
}

TEST(Rules, ReadersCannotWriteNorCheckpoint) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(store);
  ASSERT_TRUE(Append(*store, "room", "1"));
  const auto before = Load(folder.File("store/tidings.db"));
  store->readers().ReadNow([&](Database& database) {
    EXPECT_THROW(database.Execute("DELETE FROM events"), SqliteFailure);
    EXPECT_THROW(database.Execute("CREATE TABLE own (a)"), SqliteFailure);
    database.Execute("PRAGMA query_only=OFF");
    EXPECT_THROW(database.Execute("DELETE FROM events"), SqliteFailure);
  });
  // Outside a transaction, on a connection such as readers have; closing it checkpoints neither.
  {
    Database reader(folder.File("store/tidings.db"), Database::Mode::kReader);
    EXPECT_THROW(reader.Execute("DELETE FROM events"), SqliteFailure);
    try {
      reader.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const SqliteFailure&) {
    }
    EXPECT_EQ(reader.Number("PRAGMA wal_autocheckpoint"), 0);
    EXPECT_EQ(reader.Number("SELECT count(*) FROM events"), 1);
  }
  EXPECT_EQ(Load(folder.File("store/tidings.db")), before);
  EXPECT_GT(Load(folder.File("store/tidings.db-wal")).size(), 0U);
  EXPECT_EQ(store->ReadAll(0, 10)->size(), 1U);
}

TEST(Rules, TheWriterSyncsEachCommitAndWipesWhatIsDeleted) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(store);
  ASSERT_TRUE(Do(*store, [](SqliteTransaction& transaction) -> Status {
    Database& database = transaction.database();
    EXPECT_EQ(database.Number("PRAGMA synchronous"), 2);
    EXPECT_EQ(database.Number("PRAGMA secure_delete"), 1);
    EXPECT_EQ(database.Number("PRAGMA wal_autocheckpoint"), 0);
    EXPECT_EQ(database.Value("PRAGMA journal_mode"), "wal");
    EXPECT_LE(database.Number("PRAGMA page_size"), 16'384);
    return {};
  }));
}

TEST(Rules, ACommitThatOnlyReadsDoesNotTouchTheDisk) {
  const TempFolder folder;
  FaultDisk disk(1);
  const FaultVfs vfs(disk);
  auto options = In(folder);
  options.vfs = vfs.name();
  const auto store = Started(options);
  ASSERT_TRUE(store);
  ASSERT_TRUE(Append(*store, "room", "1"));
  const auto operations = disk.operations();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Do(*store, [](SqliteTransaction& transaction) -> Status {
      EXPECT_TRUE(transaction.ReadAt(1));
      return {};
    }));
    EXPECT_FALSE(store->AppendAndWait("room", eventing::Expected::At(7), {eventing::NewEvent("noted", "no")}));
  }
  EXPECT_EQ(disk.operations(), operations);
  EXPECT_EQ(store->stats().commits, 1U);
}

}  // namespace
}  // namespace tidings::sqlite::testing
