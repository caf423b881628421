// SqliteNumbers: the numbers of messages within their keys (numbering.hpp), counted in the transaction of your outbox, so that
// they have no hole and none is given twice, whatever is killed.
//
//   SqliteNumbers::MakeTable(database);                                // once
//   database.Execute("BEGIN IMMEDIATE");
//   SetNumber(message, SqliteNumbers::NextIn(database, message.key));  // with the state that the message tells of
//   outbox.Insert(message.id, …);
//   database.Execute("COMMIT");
#pragma once

#include <cstdint>
#include <string_view>

#include <tidings/base/sqlite/database.hpp>

namespace tidings::messaging {

class SqliteNumbers {
 public:
  // `tidings_numbers`, unless it is there. All throw SqliteFailure.
  static void MakeTable(sqlite::Database& database);
  // 1 for a key's first message. It is given when your transaction commits, and not if it does not. REQUIRES: a transaction that
  // writes is open.
  static std::uint64_t NextIn(sqlite::Database& database, std::string_view key);
  // The last one given, 0 if none was: for Numbering, where a store is written before each message is published.
  static std::uint64_t LastIn(sqlite::Database& database, std::string_view key);
};

}  // namespace tidings::messaging
