#include "archive/archive_numbers.hpp"

namespace tidings::app {

bool ArchiveNumbers::In(sqlite::Database& database) {
  return database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'numbers'") != 0;
}

ArchiveNumbers::ArchiveNumbers(sqlite::Database& database)
    : before_(database, "SELECT first, last FROM numbers WHERE room = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"),
      behind_(database, "SELECT last FROM numbers WHERE room = ?1 AND first = ?2"),
      put_(database,
           "INSERT INTO numbers (room, first, last) VALUES (?1, ?2, ?3) ON CONFLICT (room, first) DO UPDATE SET "
           "last = excluded.last"),
      drop_(database, "DELETE FROM numbers WHERE room = ?1 AND first = ?2"),
      all_(database, "SELECT room, first, last FROM numbers ORDER BY room, first") {}

void ArchiveNumbers::Add(std::string_view room, std::uint64_t seq) {
  std::uint64_t first = seq;
  if (auto before = before_.Query(room, seq); before.Next()) {
    if (before.Whole(1) >= seq) return;
    if (before.Whole(1) + 1 == seq) first = before.Whole(0);
  }
  std::uint64_t last = seq;
  if (const auto behind = behind_.Number(room, seq + 1)) {
    last = static_cast<std::uint64_t>(*behind);
    drop_.Execute(room, seq + 1);
  }
  put_.Execute(room, first, last);
}

std::vector<ArchiveHole> ArchiveNumbers::Holes() {
  std::vector<ArchiveHole> holes;
  ArchiveHole hole;
  for (auto rows = all_.Query(); rows.Next();) {
    const std::uint64_t first = rows.Whole(1);
    if (rows.Text(0) == hole.room) {
      hole.last = first - 1;
      holes.push_back(hole);
    }
    hole.room = rows.Text(0);
    hole.first = rows.Whole(2) + 1;
  }
  return holes;
}

}  // namespace tidings::app
