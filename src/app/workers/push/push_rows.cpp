#include "push/push_rows.hpp"

namespace tidings::app {

const std::string_view kPushSchema = R"(
  CREATE TABLE IF NOT EXISTS pushes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, room TEXT NOT NULL, seq INTEGER NOT NULL,
    message TEXT NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX IF NOT EXISTS pushes_due ON pushes (next_at, number);
)";

PushRows::PushRows(sqlite::Database& database)
    : add_(database, "INSERT INTO pushes (event, room, seq, message, at) VALUES (?1, ?2, ?3, ?4, ?5)"),
      done_(database, "DELETE FROM pushes WHERE number = ?1"),
      failed_(database, "UPDATE pushes SET attempts = attempts + 1, next_at = ?2 WHERE number = ?1"),
      due_(
          database,
          "SELECT number, event, room, seq, message, attempts FROM pushes WHERE next_at <= ?1 OR next_at > ?2 ORDER BY "
          "next_at, number LIMIT ?3") {}

void PushRows::Add(const PushRow& row, Millis now) { add_.Execute(row.event, row.room, row.seq, row.message, now); }
void PushRows::Done(std::int64_t number) { done_.Execute(number); }
void PushRows::Failed(std::int64_t number, Millis next_at) { failed_.Execute(number, next_at); }

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
