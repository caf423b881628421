#include <tidings/base/sqlite/database.hpp>
#include <tidings/testing/temp_folder.hpp>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "testing/fault_vfs.hpp"

namespace tidings::sqlite::testing {
namespace {

TEST(Database, KeepsIntegersTextsBlobsAndNulls) {
  const TempFolder folder;
  Database database(folder.File("a.db"), Database::Mode::kWriter);
  database.Execute("CREATE TABLE things (number INTEGER, name TEXT, bytes BLOB, none TEXT)");
  const std::string bytes("a\0b", 3);
  Statement insert(database, "INSERT INTO things VALUES (?, ?, ?, ?)");
  EXPECT_EQ(insert.Execute(-7, "seven", Blob(bytes), nullptr), 1);
  Statement select(database, "SELECT * FROM things WHERE number = ?");
  Rows rows = select.Query(-7);
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Int(0), -7);
  EXPECT_EQ(rows.Text(1), "seven");
  EXPECT_EQ(rows.Blob(2), bytes);
  EXPECT_TRUE(rows.Null(3));
  EXPECT_FALSE(rows.Next());
}

TEST(Database, WithoutMemoryATextIsAFailureAndNeverEmpty) {
  const TempFolder folder;
  Database database(folder.File("a.db"), Database::Mode::kWriter);
  database.Execute("CREATE TABLE things (number INTEGER PRIMARY KEY, name TEXT, bytes BLOB)");
  Statement insert(database, "INSERT INTO things VALUES (?, ?, ?)");
  const std::string large(30'000, 'x');
  for (int i = 0; i < 50; ++i) {
    const std::string text = i % 2 == 0 ? large : std::string(static_cast<std::size_t>(i) * 20 + 1, 'y');
    insert.Execute(i, text, Blob(text));
  }
  Statement select(database, "SELECT name, bytes FROM things");
  int failed = 0;
  const std::int64_t used = sqlite3_memory_used();
  for (int room = 0; room < 60'000; room += 512) {
    sqlite3_hard_heap_limit64(used + room);
    try {
      for (auto rows = select.Query(); rows.Next();) {
        EXPECT_FALSE(rows.Text(0).empty()) << room;
        EXPECT_FALSE(rows.Blob(1).empty()) << room;
      }
    } catch (const SqliteFailure& failure) {
      EXPECT_EQ(failure.cause(), SqliteFailure::Cause::kMemory);
      ++failed;
    }
    sqlite3_hard_heap_limit64(0);
  }
  EXPECT_GT(failed, 0);
}

TEST(Database, AReaderWritesNothing) {
  const TempFolder folder;
  Database writer(folder.File("a.db"), Database::Mode::kWriter);
  writer.Execute("CREATE TABLE things (a)");
  Database reader(folder.File("a.db"), Database::Mode::kReader);
  EXPECT_THROW(reader.Execute("INSERT INTO things VALUES (1)"), SqliteFailure);
}

TEST(Database, FailuresSayWhereAndHaveACause) {
  const TempFolder folder;
  FaultDisk disk(1);
  const FaultVfs vfs(disk);
  Database database(folder.File("a.db"), Database::Mode::kWriter, vfs.name());
  database.Execute("CREATE TABLE things (a UNIQUE)");
  database.Execute("INSERT INTO things VALUES (1)");
  const auto cause = [&](const char* sql) {
    try {
      database.Execute(sql);
    } catch (const SqliteFailure& failure) {
      EXPECT_TRUE(failure.error().message().starts_with(folder.File("a.db"))) << failure.error().message();
      return failure.cause();
    }
    ADD_FAILURE() << "no failure: " << sql;
    return SqliteFailure::Cause::kMemory;
  };
  EXPECT_EQ(cause("INSERT INTO things VALUES (1)"), SqliteFailure::Cause::kDefect);
  disk.SetRoom(100);
  EXPECT_EQ(cause("INSERT INTO things VALUES (zeroblob(100000))"), SqliteFailure::Cause::kFull);
  disk.Heal();
  disk.FailAt(disk.operations(), FaultDisk::Fate::kError, false);
  EXPECT_EQ(cause("INSERT INTO things VALUES (2)"), SqliteFailure::Cause::kIo);
}

}  // namespace
}  // namespace tidings::sqlite::testing
