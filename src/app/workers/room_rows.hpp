// The tables of a RoomOrder: how far the numbers of each key are done, what came early, and what went wrong, counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::app {

// Statements that may run again.
extern const std::string_view kRoomOrderSchema;

class EarlyPiece {
 public:
  std::uint64_t number = 0;
  messaging::Message message;
};

class RoomOrderCounts {
 public:
  std::uint64_t missed = 0;  // numbers that did not come in time
  std::uint64_t late = 0;    // pieces that came when later numbers were done
};

// All throw StoreFailure. Those that write: within a transaction.
class RoomRows {
 public:
  explicit RoomRows(sqlite::Database& database);

  // The last number of the key that is done; nothing: none is known.
  std::optional<std::uint64_t> Position(std::string_view key);
  // The lowest numbers that wait.
  std::vector<EarlyPiece> Early(const std::string& key, std::size_t most);
  // Keys of which something waits, with the lowest number.
  std::vector<std::pair<std::string, std::uint64_t>> Waiting();
  std::uint64_t EarlyCount();
  RoomOrderCounts Counts();

  void Move(std::string_view key, std::uint64_t number, std::int64_t day);
  void Note(std::string_view key, std::uint64_t number, const messaging::Message& message);
  void Remove(std::string_view key, std::uint64_t number, std::string_view id);
  void CountMissed(std::uint64_t count);
  void CountLate(std::uint64_t count);
  // Forgets positions that were last moved before that day, so many at most. Returns how many.
  std::int64_t Forget(std::int64_t day, std::size_t most);

 private:
  sqlite::Statement position_;
  sqlite::Statement early_;
  sqlite::Statement waiting_;
  sqlite::Statement early_count_;
  sqlite::Statement counts_;
  sqlite::Statement move_;
  sqlite::Statement note_;
  sqlite::Statement remove_;
  sqlite::Statement count_;
  sqlite::Statement forget_;
};

}  // namespace tidings::app
