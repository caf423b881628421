// Comparing rows that were kept with rows that were derived a second time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>

namespace tidings::sqlite {

// Where the rows lie: a connection, and which of its attached files. A Database stands for its main file.
class TablesAt {
 public:
  TablesAt(Database& connection, std::string file = "main") : database(connection), schema(std::move(file)) {}
  Database& database;
  std::string schema;
};

// Told now and then which table is being compared and how many rows were, in all.
using CompareProgress = std::function<void(std::string_view table, std::uint64_t rows)>;

inline constexpr std::size_t kMostFindings = 1'000;

// Compares every table that the log determines, row by row: rooms, members but for their read positions, states of
// messages, sends, mentions, reactions, replies, counts. Each finding names a row and what is wrong with it, without
// texts; at most kMostFindings. REQUIRES: both are read within a transaction, at the same place of the log.
std::vector<std::string> CompareTables(const TablesAt& kept, const TablesAt& derived,
                                       const CompareProgress& progress = {});

// What the log does not determine, against its bounds: read positions up to the room's head, members and sessions of
// known users, places of sessions up to the heads.
std::vector<std::string> CheckBounds(const TablesAt& kept);

}  // namespace tidings::sqlite
