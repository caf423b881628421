#include "message_rows.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "header_text.hpp"

namespace tidings::messaging::embedded {
namespace {

#define TIDINGS_KEPT_COLUMNS "accepted_at, expires_at, deliveries, unsettled, message_id, type, key, headers, body"

// id, queue, and the columns above.
KeptMessage KeptOf(const sqlite::Rows& rows) {
  KeptMessage kept;
  kept.id = rows.Int(0);
  kept.queue = rows.Int(1);
  kept.accepted_at = rows.Int(2);
  if (!rows.Null(3)) kept.expires_at = rows.Int(3);
  kept.deliveries = static_cast<std::uint32_t>(rows.Int(4));
  kept.unsettled = static_cast<std::uint32_t>(rows.Int(5));
  kept.message.id = rows.Text(6);
  kept.message.type = rows.Text(7);
  kept.message.key = rows.Text(8);
  kept.message.headers = ParseHeaderText(rows.Text(9));
  kept.message.body = rows.Blob(10);
  return kept;
}

std::vector<KeptMessage> AllOf(sqlite::Rows rows) {
  std::vector<KeptMessage> all;
  while (rows.Next()) all.push_back(KeptOf(rows));
  return all;
}

MessageId Before(QueueId queue) { return queue << kNumberBits; }
MessageId After(QueueId queue) { return (queue + 1) << kNumberBits; }

}  // namespace

MessageRows::MessageRows(sqlite::Database& database)
    : tally_(database, "SELECT last_message, kept FROM queues WHERE id = ?"),
      set_tally_(database, "UPDATE queues SET last_message = ?, kept = ? WHERE id = ?"),
      insert_(database, "INSERT INTO messages (id, " TIDINGS_KEPT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      read_(database,
            "SELECT id, id >> 42, " TIDINGS_KEPT_COLUMNS " FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT ?"),
      read_one_(database, "SELECT id, id >> 42, " TIDINGS_KEPT_COLUMNS " FROM messages WHERE id = ?"),
      delete_(database, "DELETE FROM messages WHERE id BETWEEN ? AND ?"),
      replace_(database,
               "UPDATE messages SET deliveries = deliveries + 1, unsettled = 0, type = ?, key = ?, headers = ?, "
               "body = ? WHERE id = ?"),
      count_unsettled_(database,
                       "UPDATE messages SET deliveries = deliveries + 1, unsettled = unsettled + 1 "
                       "WHERE id BETWEEN ? AND ?"),
      over_limit_(database, "SELECT id, id >> 42, " TIDINGS_KEPT_COLUMNS
                            " FROM messages WHERE id BETWEEN ? AND ? AND unsettled > ?"),
      expired_(database, "SELECT id, id >> 42, " TIDINGS_KEPT_COLUMNS
                         " FROM messages WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"),
      next_expiry_(database, "SELECT min(expires_at) FROM messages WHERE expires_at > ?"),
      insert_delayed_(database, "INSERT INTO delayed (due_at, queue, " TIDINGS_KEPT_COLUMNS
                                ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      due_(database,
           "SELECT id, queue, " TIDINGS_KEPT_COLUMNS " FROM delayed WHERE due_at <= ? ORDER BY due_at, id LIMIT ?"),
      delete_due_(database, "DELETE FROM delayed WHERE id = ?"),
      next_due_(database, "SELECT min(due_at) FROM delayed"),
      count_delayed_(database, "SELECT count(*) FROM delayed WHERE queue = ?"),
      delete_delayed_(database, "DELETE FROM delayed WHERE queue = ?") {}

MessageRows::Tally& MessageRows::TallyOf(QueueId queue) {
  const auto [found, made] = tallies_.try_emplace(queue);
  if (!made) return found->second;
  auto rows = tally_.Query(queue);
  if (rows.Next()) {
    found->second.last = rows.Int(0);
    found->second.kept = rows.Int(1);
  }
  return found->second;
}

void MessageRows::Flush() {
  for (auto& [queue, tally] : tallies_) {
    if (std::exchange(tally.changed, false)) set_tally_.Execute(tally.last, tally.kept, queue);
  }
  fresh_.clear();
}

void MessageRows::Insert(QueueId queue, Message message, Millis accepted_at, std::optional<Millis> expires_at,
                         bool wanted) {
  KeptMessage kept;
  kept.queue = queue;
  kept.message = std::move(message);
  kept.accepted_at = accepted_at;
  kept.expires_at = expires_at;
  kept.id = InsertRow(queue, kept);
  if (wanted) return Keep(std::move(kept));
  fresh_.erase(queue);
}

MessageId MessageRows::InsertRow(QueueId queue, const KeptMessage& kept) {
  Tally& tally = TallyOf(queue);
  const Message& message = kept.message;
  const std::string headers = HeaderText(message.headers);
  const MessageId id = Before(queue) + tally.last + 1;
  insert_.Execute(id, kept.accepted_at, kept.expires_at, kept.deliveries, kept.unsettled, message.id, message.type,
                  message.key, headers, sqlite::Blob(message.body));
  ++tally.last;
  ++tally.kept;
  tally.changed = true;
  return id;
}

void MessageRows::Keep(KeptMessage kept) {
  Fresh& fresh = fresh_[kept.queue];
  if (fresh.messages.empty() || kept.id != fresh.messages.back().id + 1) {
    fresh = Fresh();
    fresh.first = kept.id;
  }
  fresh.messages.push_back(std::move(kept));
}

std::vector<KeptMessage> MessageRows::Read(QueueId queue, MessageId after, MessageId before, std::size_t limit) {
  const auto found = fresh_.find(queue);
  if (found != fresh_.end()) {
    Fresh& fresh = found->second;
    const auto next = static_cast<MessageId>(fresh.next);
    if (after == fresh.first + next - 1 && before >= After(queue)) {
      const auto begin = fresh.messages.begin() + next;
      const std::size_t count = std::min(limit, fresh.messages.size() - fresh.next);
      fresh.next += count;
      return {std::move_iterator(begin), std::move_iterator(begin + static_cast<std::ptrdiff_t>(count))};
    }
    if (after < fresh.first + next) fresh_.erase(found);  // the rows tell what is there
  }
  return AllOf(read_.Query(std::max(after, Before(queue)), std::min(before, After(queue)), limit));
}

std::optional<KeptMessage> MessageRows::ReadOne(MessageId id) {
  auto found = AllOf(read_one_.Query(id));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::uint64_t MessageRows::Delete(QueueId queue, MessageId first, MessageId last) {
  const auto fresh = fresh_.find(queue);
  if (fresh != fresh_.end() && last >= fresh->second.first) fresh_.erase(fresh);
  const std::int64_t deleted = delete_.Execute(std::max(first, Before(queue)), std::min(last, After(queue) - 1));
  Tally& tally = TallyOf(queue);
  tally.kept -= deleted;
  tally.changed = true;
  return static_cast<std::uint64_t>(deleted);
}

void MessageRows::Replace(MessageId id, const Message& message) {
  replace_.Execute(message.type, message.key, HeaderText(message.headers), sqlite::Blob(message.body), id);
}

void MessageRows::CountUnsettled(MessageId first, MessageId last) { count_unsettled_.Execute(first, last); }

std::vector<KeptMessage> MessageRows::OverLimit(MessageId first, MessageId last, std::uint32_t limit) {
  return AllOf(over_limit_.Query(first, last, limit));
}

std::vector<KeptMessage> MessageRows::Expired(Millis now, std::size_t limit) {
  return AllOf(expired_.Query(now, limit));
}

std::optional<Millis> MessageRows::NextExpiry(Millis after) { return next_expiry_.Number(after); }

void MessageRows::InsertDelayed(QueueId queue, const Message& message, Millis accepted_at,
                                std::optional<Millis> expires_at, std::uint32_t deliveries, std::uint32_t unsettled,
                                Millis due_at) {
  const std::string headers = HeaderText(message.headers);
  insert_delayed_.Execute(due_at, queue, accepted_at, expires_at, deliveries, unsettled, message.id, message.type,
                          message.key, headers, sqlite::Blob(message.body));
}

std::set<QueueId> MessageRows::MoveDue(Millis now, std::size_t limit) {
  std::set<QueueId> queues;
  for (const KeptMessage& kept : AllOf(due_.Query(now, limit))) {
    InsertRow(kept.queue, kept);
    fresh_.erase(kept.queue);
    delete_due_.Execute(kept.id);
    queues.insert(kept.queue);
  }
  return queues;
}

std::optional<Millis> MessageRows::NextDue() { return next_due_.Number(); }
std::int64_t MessageRows::CountDelayed(QueueId queue) { return count_delayed_.Number(queue).value_or(0); }
std::uint64_t MessageRows::DeleteDelayed(QueueId queue) {
  return static_cast<std::uint64_t>(delete_delayed_.Execute(queue));
}

}  // namespace tidings::messaging::embedded
