// OutboxRows: the statements on the outbox's tables.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/messaging/sqlite/outbox.hpp>

namespace tidings::messaging::embedded {

class OutboxRow {
 public:
  OutboxRow(std::int64_t id_, std::string lane_, Outgoing outgoing_)
      : id(id_), lane(std::move(lane_)), outgoing(std::move(outgoing_)) {}
  std::int64_t id;
  std::string lane;
  Outgoing outgoing;
  Millis written_at = 0;
  std::uint32_t tries = 0;
};

// Messages of one lane wait for each other where they have a key, and share what makes them wait.
std::string LaneOf(const Address& to, std::string_view key);

// Rows that a query takes in at most.
class OutboxLimits {
 public:
  static constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
  explicit OutboxLimits(std::size_t rows_) : rows(rows_) {}
  std::size_t rows;
  std::size_t bytes = kMostBytes;
  bool reached() const { return rows == 0 || bytes == 0; }
  void Take(std::size_t size) {
    --rows;
    bytes -= std::min(bytes, size);
  }
};

// All throw SqliteFailure. One thread. Used as a Slot of the database.
class OutboxRows {
 public:
  static Status MakeTables(sqlite::Database& database);
  explicit OutboxRows(sqlite::Database& database);

  void Insert(const Outgoing& outgoing, Millis now);
  // Rows, and dead ones.
  std::pair<std::uint64_t, std::uint64_t> Count();
  std::optional<Millis> Oldest();

  // The lane's first rows up to `last`.
  void ReadLane(std::string_view lane, std::int64_t last, OutboxLimits& limits, std::vector<OutboxRow>& out);
  // Id and lane of those above `after`.
  std::vector<std::pair<std::int64_t, std::string>> Scan(std::int64_t after, std::size_t most);
  OutboxRow Read(std::int64_t id);

  void Delete(std::int64_t id) { delete_.Execute(id); }
  // It failed; `counted` or not.
  void Fail(std::int64_t id, std::string_view error, bool counted) { fail_.Execute(counted, error, id); }
  void Bury(std::int64_t id, Millis now);

  std::vector<DeadRow> Dead(std::int64_t after, std::size_t most);
  // The first ones above `after`.
  std::vector<std::int64_t> DeadIds(std::int64_t after, std::size_t most);
  // False: there is none.
  bool Replay(std::int64_t dead, Millis now);
  // Where it was to go.
  std::optional<std::string> Purge(std::int64_t dead);

 private:
  sqlite::Statement insert_;
  sqlite::Statement count_;
  sqlite::Statement oldest_;
  sqlite::Statement lane_;
  sqlite::Statement scan_;
  sqlite::Statement read_;
  sqlite::Statement delete_;
  sqlite::Statement fail_;
  sqlite::Statement bury_;
  sqlite::Statement dead_;
  sqlite::Statement dead_ids_;
  sqlite::Statement replay_;
  sqlite::Statement dead_target_;
  sqlite::Statement purge_;
};

// Exchange or queue, as the ledger and people are told.
std::string PlaceOf(const Address& to);

}  // namespace tidings::messaging::embedded
