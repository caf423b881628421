// OutboxRound: what the forwarder does in one transaction: it settles what was published, and reads what comes next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "outbox_rows.hpp"

namespace tidings::messaging::embedded {

// What is written of a message that was not accepted.
class OutboxFailure {
 public:
  OutboxFailure(std::int64_t id_, std::string error_) : id(id_), error(std::move(error_)) {}
  std::int64_t id;
  std::string error;
  bool counted = false;  // as a try
  bool dies = false;
};

// Made on the executor, run on the inbox's thread, and read on the executor again once its commit is durable.
class OutboxRound {
 public:
  // Looked at beyond the cursor, at most.
  static constexpr std::size_t kMostScanned = 1'000;

  Millis now = 0;
  std::vector<std::int64_t> accepted;
  std::vector<OutboxFailure> failures;
  // Rows up to it that are still there belong to lanes that wait.
  std::int64_t cursor = 0;
  // Lanes that are read again, and so many rows of each.
  std::vector<std::pair<std::string, std::size_t>> due;
  // All that wait, those of `due` too: the cursor passes their rows over.
  std::set<std::string> waiting;
  // 0: only settles.
  std::size_t most_rows = 0;
  bool moves_cursor = true;

  // In order, those of a lane together or one by one.
  std::vector<OutboxRow> rows;
  // Nothing of them is left up to the cursor.
  std::vector<std::string> finished;
  std::vector<std::string> expired;  // where they were to go
  bool at_end = true;                // nothing is beyond the cursor

  Status Run(sqlite::Database& database);

 private:
  void Settle(OutboxRows& table);
  void ReadDue(OutboxRows& table, OutboxLimits& limits);
  void ReadOn(OutboxRows& table, OutboxLimits& limits);
  void DropExpired(OutboxRows& table);
};

}  // namespace tidings::messaging::embedded
