#include <tidings/messaging/sqlite/numbers.hpp>

namespace tidings::messaging {
namespace {

// Used as a Slot of the database.
class NumberRows {
 public:
  explicit NumberRows(sqlite::Database& database)
      : next_(database,
              "INSERT INTO tidings_numbers (key, number) VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1 "
              "RETURNING number"),
        last_(database, "SELECT number FROM tidings_numbers WHERE key = ?") {}
  std::uint64_t Next(std::string_view key) { return static_cast<std::uint64_t>(next_.Number(key).value()); }
  std::uint64_t Last(std::string_view key) { return static_cast<std::uint64_t>(last_.Number(key).value_or(0)); }

 private:
  sqlite::Statement next_;
  sqlite::Statement last_;
};

}  // namespace

void SqliteNumbers::MakeTable(sqlite::Database& database) {
  database.Execute(
      "CREATE TABLE IF NOT EXISTS tidings_numbers (key TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID");
}

std::uint64_t SqliteNumbers::NextIn(sqlite::Database& database, std::string_view key) {
  return database.Slot<NumberRows>().Next(key);
}

std::uint64_t SqliteNumbers::LastIn(sqlite::Database& database, std::string_view key) {
  return database.Slot<NumberRows>().Last(key);
}

}  // namespace tidings::messaging
