// Which numbers of each room an archive lane was given, events that make no line included: what is missing between them was lost
// on its way, or lies among the dead letters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>

namespace tidings::app {

class ArchiveHole {
 public:
  std::string room;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// All throw StoreFailure.
class ArchiveNumbers {
 public:
  // Whether the file has the table: one that was written before there was one does not, until a worker has opened it.
  static bool In(sqlite::Database& database);
  // REQUIRES: In(database).
  explicit ArchiveNumbers(sqlite::Database& database);

  // In whatever order, also again. Within a transaction.
  void Add(std::string_view room, std::uint64_t seq);
  // What is missing between the lowest and the highest number of each room.
  std::vector<ArchiveHole> Holes();

 private:
  sqlite::Statement before_;
  sqlite::Statement behind_;
  sqlite::Statement put_;
  sqlite::Statement drop_;
  sqlite::Statement all_;
};

}  // namespace tidings::app
