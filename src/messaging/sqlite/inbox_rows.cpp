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
)sql");
}

InboxRows::InboxRows(sqlite::Database& database)
    : insert_(database,
              "INSERT INTO tidings_inbox (consumer, message_id, handled_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
      delete_(database,
              "DELETE FROM tidings_inbox WHERE (consumer, message_id) IN "
              "(SELECT consumer, message_id FROM tidings_inbox WHERE handled_at < ? ORDER BY handled_at LIMIT ?)") {}

bool InboxRows::Insert(std::string_view message_id, std::string_view consumer, Millis at) {
  return insert_.Execute(consumer, message_id, at) > 0;
}

std::uint64_t InboxRows::Delete(Millis before, std::size_t most) {
  return static_cast<std::uint64_t>(delete_.Execute(before, most));
}

InboxLookup::InboxLookup(sqlite::Database& database)
    : find_(database, "SELECT 1 FROM tidings_inbox WHERE consumer = ? AND message_id = ?") {}

bool InboxLookup::Has(std::string_view message_id, std::string_view consumer) {
  return find_.Number(consumer, message_id).has_value();
}

}  // namespace tidings::messaging::embedded
