// InboxRows: the statements on the inbox's table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::messaging::embedded {

// All throw SqliteFailure. One thread. Used as a Slot of the database.
class InboxRows {
 public:
  static void MakeTable(sqlite::Database& database);
  explicit InboxRows(sqlite::Database& database);

  // False: it is there already.
  bool Insert(std::string_view message_id, std::string_view consumer, Millis at);
  // The oldest ones before a time, no more than `most`; returns how many.
  std::uint64_t Delete(Millis before, std::size_t most);

 private:
  sqlite::Statement insert_;
  sqlite::Statement delete_;
};

// For a connection that only reads.
class InboxLookup {
 public:
  explicit InboxLookup(sqlite::Database& database);
  bool Has(std::string_view message_id, std::string_view consumer);

 private:
  sqlite::Statement find_;
};

}  // namespace tidings::messaging::embedded
