// InboxRows: the statements on the inbox's tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  // Never goes back.
  void Raise(std::string_view consumer, std::string_view sequence, std::uint64_t number, Millis at);
  // Places of sequences in which nothing was handled since; returns how many.
  std::uint64_t DeletePlaces(Millis before);
  // The oldest ones before a time, no more than `most`; returns how many.
  std::uint64_t Delete(Millis before, std::size_t most);

 private:
  sqlite::Statement insert_;
  sqlite::Statement delete_;
  sqlite::Statement raise_;
  sqlite::Statement delete_places_;
};

// For a connection that only reads.
class InboxLookup {
 public:
  explicit InboxLookup(sqlite::Database& database);
  bool Has(std::string_view message_id, std::string_view consumer);
  std::optional<std::uint64_t> Position(std::string_view consumer, std::string_view sequence);

 private:
  sqlite::Statement find_;
  sqlite::Statement position_;
};

}  // namespace tidings::messaging::embedded
