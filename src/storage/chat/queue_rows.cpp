#include "queue_rows.hpp"

#include <algorithm>
#include <string>

namespace tidings::sqlite {

using chat::EntryRow;

namespace {

constexpr const char* kEntryColumns =
    "queue, position, number, source, held, deliveries, unsettled, accepted, due, expires, message IS NOT NULL";

EntryRow EntryOf(const Rows& rows) {
  EntryRow entry;
  entry.queue = rows.Whole(0);
  entry.place = {rows.Whole(1), rows.Whole(2)};
  entry.source = rows.Whole(3);
  entry.held = rows.Int(4) != 0;
  entry.deliveries = static_cast<std::uint32_t>(rows.Whole(5));
  entry.unsettled = static_cast<std::uint32_t>(rows.Whole(6));
  entry.accepted = rows.Int(7);
  entry.due = rows.Int(8);
  entry.expires = rows.Int(9);
  entry.whole = rows.Int(10) != 0;
  return entry;
}

std::optional<Blob> BlobOf(const std::optional<std::string>& bytes) {
  return bytes ? std::optional(Blob(*bytes)) : std::nullopt;
}

std::optional<std::string> BytesAt(const Rows& rows, int column) {
  return rows.Null(column) ? std::nullopt : std::optional(std::string(rows.Blob(column)));
}

}  // namespace

QueueWrites::QueueWrites(Database& database)
    : remove_queue_(database, "DELETE FROM queues WHERE key = ?1"),
      remove_bindings_(database, "DELETE FROM queue_bindings WHERE queue = ?1"),
      remove_entries_(database, "DELETE FROM queue_entries WHERE queue = ?1"),
      remove_entry_(database, "DELETE FROM queue_entries WHERE queue = ?1 AND position = ?2 AND number = ?3"),
      put_exchange_(database, "INSERT INTO queue_exchanges (name, kind) VALUES (?1, ?2) ON CONFLICT DO NOTHING"),
      put_queue_(database,
                 "INSERT INTO queues (key, name, options, cursor) VALUES (?1, ?2, ?3, ?4) "
                 "ON CONFLICT (key) DO UPDATE SET cursor = ?4"),
      put_binding_(database,
                   "INSERT INTO queue_bindings (queue, exchange, pattern, after) VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT DO NOTHING"),
      put_entry_(
          database,
          "INSERT INTO queue_entries (queue, position, number, source, held, deliveries, unsettled, accepted, due, "
          "expires, headers, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
          "ON CONFLICT (queue, position, number) DO UPDATE SET held = ?5, deliveries = ?6, unsettled = ?7, "
          "due = ?9, headers = coalesce(?11, headers), message = coalesce(?12, message)") {}

void QueueWrites::Put(const chat::QueueChanges& changes) {
  for (const chat::QueueKey queue : changes.removed_queues) Remove(queue);
  for (const auto& [queue, place] : changes.removed_entries) remove_entry_.Execute(queue, place.position, place.number);
  for (const auto& exchange : changes.exchanges) put_exchange_.Execute(exchange.name, exchange.kind);
  for (const auto& queue : changes.queues) put_queue_.Execute(queue.key, queue.name, queue.options, queue.cursor);
  for (const auto& binding : changes.bindings) {
    put_binding_.Execute(binding.queue, binding.exchange, binding.pattern, binding.after);
  }
  for (const EntryRow& entry : changes.entries) {
    put_entry_.Execute(entry.queue, entry.place.position, entry.place.number, entry.source, entry.held,
                       entry.deliveries, entry.unsettled, entry.accepted, entry.due, entry.expires,
                       BlobOf(entry.headers), BlobOf(entry.message));
  }
}

void QueueWrites::Remove(chat::QueueKey queue) {
  remove_entries_.Execute(queue);
  remove_bindings_.Execute(queue);
  remove_queue_.Execute(queue);
}

chat::QueueRows AllQueues(Database& database) {
  chat::QueueRows all;
  Statement exchanges(database, "SELECT name, kind FROM queue_exchanges");
  for (Rows rows = exchanges.Query(); rows.Next();) {
    all.exchanges.push_back({std::string(rows.Text(0)), static_cast<std::uint32_t>(rows.Whole(1))});
  }
  Statement queues(database, "SELECT key, name, options, cursor FROM queues ORDER BY key");
  for (Rows rows = queues.Query(); rows.Next();) {
    all.queues.push_back({rows.Whole(0), std::string(rows.Text(1)), std::string(rows.Text(2)), rows.Whole(3)});
  }
  Statement bindings(database, "SELECT queue, exchange, pattern, after FROM queue_bindings");
  for (Rows rows = bindings.Query(); rows.Next();) {
    all.bindings.push_back({rows.Whole(0), std::string(rows.Text(1)), std::string(rows.Text(2)), rows.Whole(3)});
  }
  Statement entries(database, "SELECT " + std::string(kEntryColumns) + " FROM queue_entries");
  for (Rows rows = entries.Query(); rows.Next();) all.entries.push_back(EntryOf(rows));
  return all;
}

std::optional<EntryRow> FindEntry(Database& database, chat::QueueKey queue, chat::QueuePlace place) {
  Statement find(database,
                 "SELECT " + std::string(kEntryColumns) +
                     ", headers, message FROM queue_entries WHERE queue = ?1 AND position = ?2 AND number = ?3");
  Rows rows = find.Query(queue, place.position, place.number);
  if (!rows.Next()) return std::nullopt;
  EntryRow entry = EntryOf(rows);
  entry.headers = BytesAt(rows, 11);
  entry.message = BytesAt(rows, 12);
  return entry;
}

chat::TypeCounts CountTypes(Database& database, chat::Position after, chat::Position upto, std::size_t limit) {
  chat::TypeCounts counts;
  Statement count(database,
                  "SELECT t.name, count(*), max(e.position) FROM (SELECT type, position FROM events "
                  "WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3) e "
                  "JOIN event_types t ON t.number = e.type GROUP BY e.type");
  for (Rows rows = count.Query(after, upto, limit); rows.Next();) {
    counts.types.emplace_back(std::string(rows.Text(0)), rows.Whole(1));
    counts.last = std::max(counts.last, rows.Whole(2));
  }
  return counts;
}

}  // namespace tidings::sqlite
