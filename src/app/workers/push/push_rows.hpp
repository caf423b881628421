// The tables of a push lane: messages that were not handed to the gateway yet, and the requests that they were cut into.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

#include "push/push_parts.hpp"

namespace tidings::app {

// Statements that may run again.
extern const std::string_view kPushSchema;

class PushRow {
 public:
  std::int64_t number = 0;
  std::string event;
  std::string room;
  std::uint64_t seq = 0;
  std::string message;         // the document
  std::uint32_t attempts = 0;  // that failed
};

// All throw StoreFailure. Those that write: within a transaction.
class PushRows {
 public:
  explicit PushRows(sqlite::Database& database);

  // It is due once those of its room before it are done.
  void Add(const PushRow& row, Millis now);
  void Done(const PushRow& row);
  void AddParts(std::int64_t number, const std::vector<PushPart>& parts);
  void Told(std::int64_t number, const std::vector<std::uint64_t>& parts);
  // In their order.
  std::vector<PushPart> Parts(std::int64_t number);
  void Failed(std::int64_t number, Millis next_at);
  // The oldest that are due; so are those past `latest`, which a clock that was wrong has put there.
  std::vector<PushRow> Due(Millis now, Millis latest, std::size_t most);

 private:
  sqlite::Statement add_;
  sqlite::Statement done_;
  sqlite::Statement release_;
  sqlite::Statement drop_parts_;
  sqlite::Statement add_part_;
  sqlite::Statement told_;
  sqlite::Statement parts_;
  sqlite::Statement failed_;
  sqlite::Statement due_;
};

}  // namespace tidings::app
