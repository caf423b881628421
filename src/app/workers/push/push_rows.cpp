#include "push/push_rows.hpp"

#include <algorithm>

namespace tidings::app {

// next_at -1: it waits for those of its room before it.
const std::string_view kPushSchema = R"(
  CREATE TABLE IF NOT EXISTS pushes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, room TEXT NOT NULL, seq INTEGER NOT NULL,
    message TEXT NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX IF NOT EXISTS pushes_due ON pushes (next_at, number);
  CREATE INDEX IF NOT EXISTS pushes_of_room ON pushes (room, number);
  CREATE TABLE IF NOT EXISTS push_parts (
    number INTEGER NOT NULL, part INTEGER NOT NULL, users TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (number, part)) WITHOUT ROWID;
)";

namespace {

// No user's id has a control character.
constexpr char kUserEnd = '\n';

}  // namespace

PushRows::PushRows(sqlite::Database& database)
    : add_(database,
           "INSERT INTO pushes (event, room, seq, message, at, next_at) VALUES (?1, ?2, ?3, ?4, ?5, "
           "CASE WHEN EXISTS (SELECT 1 FROM pushes WHERE room = ?2) THEN -1 ELSE 0 END)"),
      done_(database, "DELETE FROM pushes WHERE number = ?1"),
      release_(database,
               "UPDATE pushes SET next_at = 0 WHERE next_at = -1 AND number = (SELECT min(number) FROM pushes WHERE "
               "room = ?1)"),
      drop_parts_(database, "DELETE FROM push_parts WHERE number = ?1"),
      add_part_(database, "INSERT INTO push_parts (number, part, users) VALUES (?1, ?2, ?3)"),
      told_(database, "UPDATE push_parts SET told = 1 WHERE number = ?1 AND part = ?2"),
      parts_(database, "SELECT part, users, told FROM push_parts WHERE number = ?1 ORDER BY part"),
      failed_(database, "UPDATE pushes SET attempts = attempts + 1, next_at = ?2 WHERE number = ?1"),
      due_(database,
           "SELECT number, event, room, seq, message, attempts FROM pushes WHERE next_at BETWEEN 0 AND ?1 OR next_at > "
           "?2 "
           "ORDER BY next_at, number LIMIT ?3") {}

void PushRows::Add(const PushRow& row, Millis now) { add_.Execute(row.event, row.room, row.seq, row.message, now); }
void PushRows::Done(const PushRow& row) {
  done_.Execute(row.number);
  drop_parts_.Execute(row.number);
  release_.Execute(row.room);
}
void PushRows::Failed(std::int64_t number, Millis next_at) { failed_.Execute(number, next_at); }

void PushRows::AddParts(std::int64_t number, const std::vector<PushPart>& parts) {
  for (const PushPart& part : parts) {
    std::string users;
    for (const std::string& user : part.users) users += user + kUserEnd;
    add_part_.Execute(number, part.part, users);
  }
}

void PushRows::Told(std::int64_t number, const std::vector<std::uint64_t>& parts) {
  for (const std::uint64_t part : parts) told_.Execute(number, part);
}

std::vector<PushPart> PushRows::Parts(std::int64_t number) {
  std::vector<PushPart> parts;
  for (auto rows = parts_.Query(number); rows.Next();) {
    PushPart& part = parts.emplace_back();
    part.part = rows.Whole(0);
    for (std::string_view rest = rows.Text(1); !rest.empty();) {
      const std::string_view user = rest.substr(0, rest.find(kUserEnd));
      part.users.emplace_back(user);
      rest.remove_prefix(std::min(user.size() + 1, rest.size()));
    }
    part.told = rows.Int(2) != 0;
  }
  return parts;
}

std::vector<PushRow> PushRows::Due(Millis now, Millis latest, std::size_t most) {
  std::vector<PushRow> due;
  for (auto rows = due_.Query(now, latest, most); rows.Next();) {
    PushRow row;
    row.number = rows.Int(0);
    row.event = rows.Text(1);
    row.room = rows.Text(2);
    row.seq = rows.Whole(3);
    row.message = rows.Text(4);
    row.attempts = static_cast<std::uint32_t>(rows.Int(5));
    due.push_back(std::move(row));
  }
  return due;
}

}  // namespace tidings::app
