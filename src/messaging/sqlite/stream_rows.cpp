#include "stream_rows.hpp"

#include <algorithm>
#include <limits>

#include "header_text.hpp"

namespace tidings::messaging::embedded {
namespace {

StreamId IdOf(std::int64_t row) { return StreamId(static_cast<std::uint64_t>(row), 0); }

// The row that is at or before the id; ids past what a row can have are past all.
std::int64_t RowOf(StreamId id) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return id.major() > static_cast<std::uint64_t>(kMost) ? kMost : static_cast<std::int64_t>(id.major());
}

// id, message_id, type, key, headers, body, and how often it was handed out.
StreamEntry EntryOf(const sqlite::Rows& rows) {
  Message message = Message::WithId(std::string(rows.Text(1)), std::string(rows.Text(2)), std::string(rows.Blob(5)));
  message.key = rows.Text(3);
  message.headers = ParseHeaderText(rows.Text(4));
  return StreamEntry(IdOf(rows.Int(0)), std::move(message), static_cast<std::uint32_t>(rows.Int(6)));
}

std::vector<StreamEntry> EntriesOf(sqlite::Rows rows) {
  std::vector<StreamEntry> entries;
  while (rows.Next()) entries.push_back(EntryOf(rows));
  return entries;
}

}  // namespace

StreamRows::StreamRows(sqlite::Database& database)
    : find_(database, "SELECT id FROM streams WHERE name = ?"),
      make_(database, "INSERT INTO streams (name, last_entry) VALUES (?, 0) RETURNING id"),
      append_(database,
              "INSERT INTO stream_entries (stream, accepted_at, message_id, type, key, headers, body) "
              "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id"),
      set_last_(database, "UPDATE streams SET last_entry = ? WHERE id = ?"),
      tail_(database, "SELECT last_entry FROM streams WHERE name = ?"),
      read_(database,
            "SELECT id, message_id, type, key, headers, body, 1 FROM stream_entries WHERE stream = ? AND id > ? "
            "ORDER BY id LIMIT ?"),
      stats_(database,
             "SELECT (SELECT count(*) FROM stream_entries WHERE stream = s.id), "
             "(SELECT min(id) FROM stream_entries WHERE stream = s.id), last_entry FROM streams s WHERE s.id = ?"),
      keep_from_(database, "SELECT id FROM stream_entries WHERE stream = ? ORDER BY id DESC LIMIT 1 OFFSET ?"),
      cut_(database, "DELETE FROM stream_entries WHERE stream = ? AND id < ?"),
      owed_from_(database,
                 "SELECT min(coalesce((SELECT min(entry) FROM stream_pending WHERE stream_group = g.id), "
                 "last_delivered + 1)) FROM stream_groups g WHERE stream = ?"),
      owed_pending_(database,
                    "SELECT count(*) FROM stream_pending p JOIN stream_groups g ON g.id = p.stream_group "
                    "WHERE g.stream = ? AND p.entry < ?"),
      owed_new_(database,
                "SELECT count(*) FROM stream_groups g JOIN stream_entries e ON e.stream = g.stream "
                "WHERE g.stream = ? AND e.id > g.last_delivered AND e.id < ?"),
      drop_pending_(database,
                    "DELETE FROM stream_pending WHERE entry < ?2 AND stream_group IN "
                    "(SELECT id FROM stream_groups WHERE stream = ?1)"),
      create_group_(database, "INSERT OR IGNORE INTO stream_groups (stream, name, last_delivered) VALUES (?, ?, ?)"),
      find_group_(database,
                  "SELECT g.id, g.stream, g.last_delivered FROM stream_groups g JOIN streams s ON s.id = g.stream "
                  "WHERE s.name = ? AND g.name = ?"),
      deliver_(database,
               "INSERT INTO stream_pending (stream_group, entry, consumer, delivered_at, deliveries) "
               "VALUES (?, ?, ?, ?, 1)"),
      set_delivered_(database, "UPDATE stream_groups SET last_delivered = ? WHERE id = ?"),
      acknowledge_(database, "DELETE FROM stream_pending WHERE stream_group = ? AND entry = ?"),
      stale_(database,
             "SELECT e.id, e.message_id, e.type, e.key, e.headers, e.body, p.deliveries + 1 FROM stream_pending p "
             "JOIN stream_entries e ON e.id = p.entry "
             "WHERE p.stream_group = ? AND p.delivered_at <= ? ORDER BY p.entry LIMIT ?"),
      claim_(database,
             "UPDATE stream_pending SET consumer = ?, delivered_at = ?, deliveries = deliveries + 1 "
             "WHERE stream_group = ? AND entry = ?"),
      group_(database, "SELECT count(*), min(entry) FROM stream_pending WHERE stream_group = ?") {}

std::optional<std::int64_t> StreamRows::Find(const std::string& stream) { return find_.Number(stream); }

std::int64_t StreamRows::FindOrMake(const std::string& stream) {
  if (const auto found = Find(stream)) return *found;
  return make_.Number(stream).value_or(0);
}

StreamId StreamRows::Append(const std::string& stream, const Message& message, Millis now) {
  const std::int64_t id = FindOrMake(stream);
  const std::string headers = HeaderText(message.headers);
  const std::int64_t entry =
      append_.Number(id, now, message.id, message.type, message.key, headers, sqlite::Blob(message.body)).value_or(0);
  set_last_.Execute(entry, id);
  return IdOf(entry);
}

StreamId StreamRows::Tail(const std::string& stream) { return IdOf(tail_.Number(stream).value_or(0)); }

std::vector<StreamEntry> StreamRows::Read(const std::string& stream, StreamId after, std::size_t limit) {
  const auto id = Find(stream);
  if (!id) return {};
  return EntriesOf(read_.Query(*id, RowOf(after), limit));
}

Result<StreamStats> StreamRows::Stats(const std::string& stream) {
  StreamStats stats;
  const auto id = Find(stream);
  if (!id) return Fail(ErrorCode::kNotFound, "there is no stream " + stream);
  auto rows = stats_.Query(*id);
  if (!rows.Next()) return stats;
  stats.length = rows.Whole(0);
  stats.first = IdOf(rows.Int(1));
  stats.last = IdOf(rows.Int(2));
  return stats;
}

// The first row that is kept.
std::int64_t StreamRows::Cut(std::int64_t stream, const TrimPolicy& policy) {
  // Of two ids with the same row the one with a second number is past it.
  if (!policy.length()) return RowOf(policy.from()) + (policy.from().minor() > 0 ? 1 : 0);
  if (*policy.length() == 0) return std::numeric_limits<std::int64_t>::max();
  return keep_from_.Number(stream, *policy.length() - 1).value_or(0);
}

Trimmed StreamRows::Trim(const std::string& stream, const TrimPolicy& policy) {
  Trimmed trimmed;
  const auto id = Find(stream);
  if (!id) return trimmed;
  std::int64_t from = Cut(*id, policy);
  if (policy.force()) {
    trimmed.owed = static_cast<std::uint64_t>(owed_pending_.Number(*id, from).value_or(0) +
                                              owed_new_.Number(*id, from).value_or(0));
    drop_pending_.Execute(*id, from);
  } else {
    from = std::min(from, owed_from_.Number(*id).value_or(from));
  }
  trimmed.entries = static_cast<std::uint64_t>(cut_.Execute(*id, from));
  return trimmed;
}

void StreamRows::CreateGroup(const std::string& stream, const std::string& group, StreamId after) {
  create_group_.Execute(FindOrMake(stream), group, RowOf(after));
}

Result<StreamRows::GroupRow> StreamRows::FindGroup(const std::string& stream, const std::string& group) {
  auto rows = find_group_.Query(stream, group);
  if (!rows.Next()) {
    return Fail(ErrorCode::kNotFound, "the stream " + stream + " has no group " + group + "; create it");
  }
  GroupRow found;
  found.id = rows.Int(0);
  found.stream = rows.Int(1);
  found.last_delivered = rows.Int(2);
  return found;
}

Result<std::vector<StreamEntry>> StreamRows::ReadGroup(const std::string& stream, const std::string& group,
                                                       const std::string& consumer, std::size_t limit, Millis now) {
  const auto found = FindGroup(stream, group);
  if (!found) return std::unexpected(found.error());
  auto entries = EntriesOf(read_.Query(found->stream, found->last_delivered, limit));
  for (const StreamEntry& entry : entries) deliver_.Execute(found->id, RowOf(entry.id), consumer, now);
  if (!entries.empty()) set_delivered_.Execute(RowOf(entries.back().id), found->id);
  return entries;
}

Result<std::uint64_t> StreamRows::Acknowledge(const std::string& stream, const std::string& group,
                                              const std::vector<StreamId>& ids) {
  const auto found = FindGroup(stream, group);
  if (!found) return std::unexpected(found.error());
  std::uint64_t pending = 0;
  for (const StreamId id : ids) pending += static_cast<std::uint64_t>(acknowledge_.Execute(found->id, RowOf(id)));
  return pending;
}

Result<std::vector<StreamEntry>> StreamRows::Claim(const std::string& stream, const std::string& group,
                                                   const std::string& consumer, std::chrono::milliseconds idle,
                                                   std::size_t limit, Millis now) {
  const auto found = FindGroup(stream, group);
  if (!found) return std::unexpected(found.error());
  auto entries = EntriesOf(stale_.Query(found->id, now - idle.count(), limit));
  for (const StreamEntry& entry : entries) claim_.Execute(consumer, now, found->id, RowOf(entry.id));
  return entries;
}

Result<GroupStats> StreamRows::Group(const std::string& stream, const std::string& group) {
  const auto found = FindGroup(stream, group);
  if (!found) return std::unexpected(found.error());
  GroupStats stats;
  stats.last_delivered = IdOf(found->last_delivered);
  auto rows = group_.Query(found->id);
  if (!rows.Next()) return stats;
  stats.pending = rows.Whole(0);
  if (!rows.Null(1)) stats.oldest_pending = IdOf(rows.Int(1));
  return stats;
}

}  // namespace tidings::messaging::embedded
