#include "archive/archive_rows.hpp"

#include <algorithm>

namespace tidings::app {

// Numbers are those of a room's events that came, in ranges without a hole. A redaction whose from_day is empty is done: what
// comes of the message later is redacted as it comes.
const std::string_view kArchiveSchema = R"(
  CREATE TABLE IF NOT EXISTS lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, day TEXT NOT NULL, seq INTEGER NOT NULL,
    message TEXT NOT NULL, quoted TEXT NOT NULL, at INTEGER NOT NULL, line TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS lines_by_day ON lines (room, day, number, at);
  CREATE INDEX IF NOT EXISTS lines_by_message ON lines (room, message);
  CREATE INDEX IF NOT EXISTS lines_by_quoted ON lines (room, quoted) WHERE quoted <> '';
  CREATE TABLE IF NOT EXISTS files (
    room TEXT NOT NULL, day TEXT NOT NULL, bytes INTEGER NOT NULL, lines INTEGER NOT NULL, last INTEGER NOT NULL,
    rewriting INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room, day)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS redactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, message TEXT NOT NULL, from_day TEXT NOT NULL,
    UNIQUE (room, message));
  CREATE INDEX IF NOT EXISTS redactions_due ON redactions (number) WHERE from_day <> '';
  CREATE TABLE IF NOT EXISTS numbers (
    room TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (room, first)) WITHOUT ROWID;
)";

namespace {

constexpr const char* kFileColumns = "SELECT room, day, bytes, lines, last, rewriting FROM files ";

ArchiveFileRow RowOf(const sqlite::Rows& rows) {
  ArchiveFileRow row;
  row.room = rows.Text(0);
  row.day = rows.Text(1);
  row.bytes = rows.Whole(2);
  row.lines = rows.Whole(3);
  row.last = rows.Whole(4);
  row.rewriting = rows.Whole(5);
  return row;
}

std::vector<ArchiveFileRow> Gather(sqlite::Rows rows) {
  std::vector<ArchiveFileRow> all;
  while (rows.Next()) all.push_back(RowOf(rows));
  return all;
}

std::vector<std::pair<std::string, std::string>> GatherPairs(sqlite::Rows rows) {
  std::vector<std::pair<std::string, std::string>> all;
  while (rows.Next()) all.emplace_back(rows.Text(0), rows.Text(1));
  return all;
}

}  // namespace

ArchiveRows::ArchiveRows(sqlite::Database& database)
    : add_(database,
           "INSERT INTO lines (room, day, seq, message, quoted, at, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
      deleted_(database, "SELECT number FROM redactions WHERE room = ?1 AND message = ?2"),
      mentioned_(database,
                 "SELECT number, line FROM lines WHERE room = ?1 AND message = ?2 UNION ALL "
                 "SELECT number, line FROM lines WHERE room = ?1 AND quoted = ?2 AND quoted <> ''"),
      replace_(database, "UPDATE lines SET line = ?2 WHERE number = ?1"),
      note_(database,
            "INSERT INTO redactions (room, message, from_day) VALUES (?1, ?2, ?3) ON CONFLICT (room, message) "
            "DO UPDATE SET from_day = excluded.from_day"),
      redacted_(database, "UPDATE redactions SET from_day = '' WHERE room = ?1 AND message = ?2"),
      file_written_(database,
                    "INSERT INTO files (room, day, bytes, lines, last, rewriting) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON "
                    "CONFLICT (room, day) DO UPDATE SET bytes = ?3, lines = ?4, last = ?5, rewriting = ?6"),
      drop_lines_(database, "DELETE FROM lines WHERE room = ?1 AND day = ?2 AND number <= ?3"),
      due_(database,
           "SELECT room, day FROM lines GROUP BY room, day HAVING count(*) >= ?1 OR min(at) <= ?2 ORDER BY "
           "min(number) LIMIT 256"),
      pending_(database, "SELECT number, seq, line FROM lines WHERE room = ?1 AND day = ?2 ORDER BY number"),
      file_(database, std::string(kFileColumns) + "WHERE room = ?1 AND day = ?2"),
      files_(database, std::string(kFileColumns) + "ORDER BY room, day"),
      files_from_(database, std::string(kFileColumns) + "WHERE room = ?1 AND day >= ?2 ORDER BY day"),
      rewriting_(database, std::string(kFileColumns) + "WHERE rewriting <> 0"),
      next_redaction_(
          database,
          "SELECT number, room, message, from_day FROM redactions WHERE number > ?1 AND from_day <> '' ORDER BY "
          "number LIMIT 1"),
      all_(database, "SELECT room, day FROM files UNION SELECT room, day FROM lines ORDER BY room, day") {}

void ArchiveRows::Add(const ArchiveLine& line, Millis now) {
  std::string text = line.text;
  for (const std::string* const message : {&line.message, &line.quoted}) {
    if (message->empty() || !deleted_.Number(line.room, *message)) continue;
    if (auto redacted = RedactLine(text, *message)) text = std::move(*redacted);
  }
  add_.Execute(line.room, line.day, line.seq, line.message, line.quoted, now, text);
}

void ArchiveRows::Redact(std::string_view room, std::string_view message, std::string_view from_day) {
  std::vector<std::pair<std::int64_t, std::string>> changed;
  for (auto rows = mentioned_.Query(room, message); rows.Next();) {
    if (auto redacted = RedactLine(rows.Text(1), message)) changed.emplace_back(rows.Int(0), std::move(*redacted));
  }
  for (const auto& [number, line] : changed) replace_.Execute(number, line);
  note_.Execute(room, message, from_day);
}

void ArchiveRows::Redacted(std::string_view room, std::string_view message) { redacted_.Execute(room, message); }

void ArchiveRows::Written(const ArchiveFileRow& row, std::int64_t up_to) {
  Rewrite(row);
  drop_lines_.Execute(row.room, row.day, up_to);
}

void ArchiveRows::Rewrite(const ArchiveFileRow& row) {
  file_written_.Execute(row.room, row.day, row.bytes, row.lines, row.last, row.rewriting);
}

std::vector<std::pair<std::string, std::string>> ArchiveRows::Due(std::uint64_t lines, Millis before) {
  return GatherPairs(due_.Query(lines, before));
}

ArchivePending ArchiveRows::Pending(std::string_view room, std::string_view day, std::size_t most) {
  ArchivePending pending;
  for (auto rows = pending_.Query(room, day); rows.Next();) {
    const std::string_view line = rows.Text(2);
    if (pending.lines > 0 && pending.text.size() + line.size() > most) break;
    const std::uint64_t seq = rows.Whole(1);
    pending.up_to = rows.Int(0);
    pending.first = pending.lines == 0 ? seq : std::min(pending.first, seq);
    pending.last = std::max(pending.last, seq);
    pending.text += line;
    ++pending.lines;
  }
  return pending;
}

ArchiveFileRow ArchiveRows::File(std::string_view room, std::string_view day) {
  auto rows = file_.Query(room, day);
  if (rows.Next()) return RowOf(rows);
  ArchiveFileRow none;
  none.room = room;
  none.day = day;
  return none;
}

std::vector<ArchiveFileRow> ArchiveRows::Files() { return Gather(files_.Query()); }
std::vector<ArchiveFileRow> ArchiveRows::FilesFrom(std::string_view room, std::string_view day) {
  return Gather(files_from_.Query(room, day));
}
std::vector<ArchiveFileRow> ArchiveRows::Rewriting() { return Gather(rewriting_.Query()); }

std::optional<ArchiveRows::Redaction> ArchiveRows::NextRedaction(std::int64_t after) {
  auto rows = next_redaction_.Query(after);
  if (!rows.Next()) return std::nullopt;
  return Redaction{rows.Int(0), std::string(rows.Text(1)), std::string(rows.Text(2)), std::string(rows.Text(3))};
}

std::vector<std::pair<std::string, std::string>> ArchiveRows::All() { return GatherPairs(all_.Query()); }

}  // namespace tidings::app
