#include "inbox_rows.hpp"

namespace tidings::messaging::embedded {

void InboxRows::MakeTable(sqlite::Database& database) {
  database.Execute(R"sql(
CREATE TABLE IF NOT EXISTS tidings_inbox (
  consumer TEXT NOT NULL,
  message_id TEXT NOT NULL,
  handled_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, message_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tidings_inbox_age ON tidings_inbox (handled_at);
CREATE TABLE IF NOT EXISTS tidings_places (
  consumer TEXT NOT NULL,
  sequence TEXT NOT NULL,
  number INTEGER NOT NULL,
  moved_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, sequence)
) WITHOUT ROWID;
)sql");
}

InboxRows::InboxRows(sqlite::Database& database)
    : insert_(database,
              "INSERT INTO tidings_inbox (consumer, message_id, handled_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
      delete_(database,
              "DELETE FROM tidings_inbox WHERE (consumer, message_id) IN "
              "(SELECT consumer, message_id FROM tidings_inbox WHERE handled_at < ? ORDER BY handled_at LIMIT ?)"),
      raise_(
          database,
          "INSERT INTO tidings_places (consumer, sequence, number, moved_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
          "SET number = max(number, excluded.number), moved_at = max(moved_at, excluded.moved_at)"),
      delete_places_(database, "DELETE FROM tidings_places WHERE moved_at < ?") {}

bool InboxRows::Insert(std::string_view message_id, std::string_view consumer, Millis at) {
  return insert_.Execute(consumer, message_id, at) > 0;
}

std::uint64_t InboxRows::Delete(Millis before, std::size_t most) {
  return static_cast<std::uint64_t>(delete_.Execute(before, most));
}

void InboxRows::Raise(std::string_view consumer, std::string_view sequence, std::uint64_t number, Millis at) {
  raise_.Execute(consumer, sequence, number, at);
}

std::uint64_t InboxRows::DeletePlaces(Millis before) {
  return static_cast<std::uint64_t>(delete_places_.Execute(before));
}

InboxLookup::InboxLookup(sqlite::Database& database)
    : find_(database, "SELECT 1 FROM tidings_inbox WHERE consumer = ? AND message_id = ?"),
      position_(database, "SELECT number FROM tidings_places WHERE consumer = ? AND sequence = ?") {}

std::optional<std::uint64_t> InboxLookup::Position(std::string_view consumer, std::string_view sequence) {
  const auto number = position_.Number(consumer, sequence);
  if (!number) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

bool InboxLookup::Has(std::string_view message_id, std::string_view consumer) {
  return find_.Number(consumer, message_id).has_value();
}

}  // namespace tidings::messaging::embedded
