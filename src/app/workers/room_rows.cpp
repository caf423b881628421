#include "room_rows.hpp"

#include <tidings/base/bytes.hpp>

namespace tidings::app {

const std::string_view kRoomOrderSchema = R"(
  CREATE TABLE IF NOT EXISTS order_positions (
    key TEXT PRIMARY KEY, number INTEGER NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS order_positions_age ON order_positions (day);
  CREATE TABLE IF NOT EXISTS order_early (
    key TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, headers BLOB NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (key, number, id));
  CREATE TABLE IF NOT EXISTS order_counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
)";

namespace {

constexpr std::string_view kMissed = "missed";
constexpr std::string_view kLate = "late";

// Each as "NAME-BYTES VALUE-BYTES " and the two.
std::string Pack(const messaging::Headers& headers) {
  std::string packed;
  for (const auto& [name, value] : headers) {
    packed += std::to_string(name.size()) + ' ' + std::to_string(value.size()) + ' ';
    packed += name;
    packed += value;
  }
  return packed;
}

std::optional<std::size_t> TakeLength(std::string_view& packed) {
  const std::size_t end = packed.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  const auto length = ParseWhole(packed.substr(0, end));
  packed.remove_prefix(end + 1);
  return length;
}

messaging::Headers Unpack(std::string_view packed) {
  messaging::Headers headers;
  while (!packed.empty()) {
    const auto name = TakeLength(packed);
    const auto value = TakeLength(packed);
    if (!name || !value || *name > packed.size() || *value > packed.size() - *name) break;
    headers.Set(packed.substr(0, *name), std::string(packed.substr(*name, *value)));
    packed.remove_prefix(*name + *value);
  }
  return headers;
}

}  // namespace

RoomRows::RoomRows(sqlite::Database& database)
    : position_(database, "SELECT number FROM order_positions WHERE key = ?1"),
      early_(database,
             "SELECT number, id, type, headers, body FROM order_early WHERE key = ?1 ORDER BY number LIMIT ?2"),
      waiting_(database, "SELECT key, min(number) FROM order_early GROUP BY key"),
      early_count_(database, "SELECT count(*) FROM order_early"),
      counts_(database, "SELECT name, count FROM order_counts"),
      move_(database,
            "INSERT INTO order_positions (key, number, day) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET "
            "number = excluded.number, day = excluded.day"),
      note_(database,
            "INSERT INTO order_early (key, number, id, type, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
            "ON CONFLICT DO NOTHING"),
      remove_(database, "DELETE FROM order_early WHERE key = ?1 AND number = ?2 AND id = ?3"),
      count_(database,
             "INSERT INTO order_counts (name, count) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET "
             "count = count + excluded.count"),
      forget_(database,
              "DELETE FROM order_positions WHERE key IN (SELECT key FROM order_positions WHERE day < ?1 LIMIT ?2)") {}

std::optional<std::uint64_t> RoomRows::Position(std::string_view key) {
  const auto number = position_.Number(key);
  if (!number) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::vector<EarlyPiece> RoomRows::Early(const std::string& key, std::size_t most) {
  std::vector<EarlyPiece> all;
  for (auto rows = early_.Query(key, most); rows.Next();) {
    EarlyPiece piece;
    piece.number = rows.Whole(0);
    piece.message =
        messaging::Message::WithId(std::string(rows.Text(1)), std::string(rows.Text(2)), std::string(rows.Blob(4)));
    piece.message.key = key;
    piece.message.headers = Unpack(rows.Blob(3));
    all.push_back(std::move(piece));
  }
  return all;
}

std::vector<std::pair<std::string, std::uint64_t>> RoomRows::Waiting() {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (auto rows = waiting_.Query(); rows.Next();) all.emplace_back(std::string(rows.Text(0)), rows.Whole(1));
  return all;
}

std::uint64_t RoomRows::EarlyCount() { return static_cast<std::uint64_t>(early_count_.Number().value_or(0)); }

RoomOrderCounts RoomRows::Counts() {
  RoomOrderCounts counts;
  for (auto rows = counts_.Query(); rows.Next();) {
    if (rows.Text(0) == kMissed) counts.missed = rows.Whole(1);
    if (rows.Text(0) == kLate) counts.late = rows.Whole(1);
  }
  return counts;
}

void RoomRows::Move(std::string_view key, std::uint64_t number, std::int64_t day) { move_.Execute(key, number, day); }

void RoomRows::Note(std::string_view key, std::uint64_t number, const messaging::Message& message) {
  const std::string headers = Pack(message.headers);
  note_.Execute(key, number, message.id, message.type, sqlite::Blob(headers), sqlite::Blob(message.body));
}

void RoomRows::Remove(std::string_view key, std::uint64_t number, std::string_view id) {
  remove_.Execute(key, number, id);
}

void RoomRows::CountMissed(std::uint64_t count) { count_.Execute(kMissed, count); }
void RoomRows::CountLate(std::uint64_t count) { count_.Execute(kLate, count); }
std::int64_t RoomRows::Forget(std::int64_t day, std::size_t most) { return forget_.Execute(day, most); }

}  // namespace tidings::app
