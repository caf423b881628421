#include <tidings/messaging/sqlite/numbers.hpp>

#include <gtest/gtest.h>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::messaging {
namespace {

TEST(SqliteNumbers, CountsEachKeyInTheTransactionOfItsCaller) {
  TempFolder folder;
  const std::string file = folder.File("shop.db");
  {
    sqlite::Database database(file, sqlite::Database::Mode::kWriter);
    SqliteNumbers::MakeTable(database);
    database.Execute("BEGIN IMMEDIATE");
    EXPECT_EQ(SqliteNumbers::NextIn(database, "a"), 1U);
    EXPECT_EQ(SqliteNumbers::NextIn(database, "a"), 2U);
    EXPECT_EQ(SqliteNumbers::NextIn(database, "b"), 1U);
    database.Execute("COMMIT");
    database.Execute("BEGIN IMMEDIATE");
    EXPECT_EQ(SqliteNumbers::NextIn(database, "a"), 3U);
    database.Rollback();
  }
  sqlite::Database database(file, sqlite::Database::Mode::kWriter);
  SqliteNumbers::MakeTable(database);
  EXPECT_EQ(SqliteNumbers::LastIn(database, "a"), 2U);
  EXPECT_EQ(SqliteNumbers::LastIn(database, "none"), 0U);
  database.Execute("BEGIN IMMEDIATE");
  EXPECT_EQ(SqliteNumbers::NextIn(database, "a"), 3U);
  database.Execute("COMMIT");
}

}  // namespace
}  // namespace tidings::messaging
