#include "claims.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidings::messaging::embedded {
namespace {

constexpr MessageId kEnd = std::numeric_limits<MessageId>::max();

std::vector<MessageId> IdsOf(const std::vector<KeptMessage>& messages) {
  std::vector<MessageId> ids;
  ids.reserve(messages.size());
  for (const KeptMessage& kept : messages) ids.push_back(kept.id);
  return ids;
}

}  // namespace

Claims::Claims(sqlite::Database& database, MessageRows& messages)
    : messages_(messages),
      load_(database, "SELECT queue, first_id, last_id, consumer, taken_at FROM leases WHERE owner = ?"),
      ids_(database, "SELECT id FROM messages WHERE id BETWEEN ? AND ? ORDER BY id"),
      ranges_(database, "SELECT first_id, last_id FROM leases WHERE queue = ? ORDER BY first_id"),
      insert_(database,
              "INSERT INTO leases (queue, first_id, last_id, owner, consumer, taken_at) VALUES (?, ?, ?, ?, ?, ?)"),
      extend_(database, "UPDATE leases SET last_id = ? WHERE queue = ? AND first_id = ?"),
      remove_(database, "DELETE FROM leases WHERE queue = ? AND first_id = ?"),
      leased_(database, "SELECT last_id FROM leases WHERE queue = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1"),
      holder_(database, "SELECT owner, consumer FROM leases WHERE queue = ? ORDER BY first_id LIMIT 1"),
      count_(
          database,
          "SELECT count(*) FROM leases l JOIN messages m ON m.id BETWEEN l.first_id AND l.last_id WHERE l.queue = ?") {}

void Claims::Load(std::int64_t owner) {
  owner_ = owner;
  claims_.clear();
  held_.clear();
  seen_up_to_.clear();
  for (auto rows = load_.Query(owner); rows.Next();) {
    Claim claim;
    claim.last = rows.Int(2);
    claim.consumer = rows.Whole(3);
    claim.taken_at = rows.Int(4);
    for (auto ids = ids_.Query(rows.Int(1), claim.last); ids.Next();) claim.ids.push_back(ids.Int(0));
    held_[claim.consumer] += claim.ids.size();
    claims_[rows.Int(0)].emplace(rows.Int(1), std::move(claim));
  }
}

std::vector<KeptMessage> Claims::Take(QueueId queue, ConsumerId consumer, std::size_t limit, Millis now) {
  std::vector<KeptMessage> taken;
  const auto seen = seen_up_to_.find(queue);
  if (seen != seen_up_to_.end()) {
    taken = messages_.Read(queue, seen->second, kEnd, limit);
    if (!taken.empty()) Add(queue, consumer, IdsOf(taken), now);
  } else {
    std::vector<std::pair<MessageId, MessageId>> leased;
    for (auto rows = ranges_.Query(queue); rows.Next();) leased.emplace_back(rows.Int(0), rows.Int(1));
    leased.emplace_back(kEnd, kEnd);
    MessageId after = 0;
    for (const auto& [first, last] : leased) {
      if (taken.size() == limit) break;
      auto part = messages_.Read(queue, after, first, limit - taken.size());
      if (!part.empty()) Add(queue, consumer, IdsOf(part), now);
      std::ranges::move(part, std::back_inserter(taken));
      after = last;
    }
    // Not if the limit stopped it before the last range that others hold.
    const MessageId highest = leased.size() > 1 ? leased[leased.size() - 2].second : 0;
    if (taken.size() == limit && (taken.empty() || taken.back().id < highest)) return taken;
    seen_up_to_[queue] = highest;
  }
  if (!taken.empty()) seen_up_to_[queue] = std::max(seen_up_to_[queue], taken.back().id);
  return taken;
}

void Claims::Add(QueueId queue, ConsumerId consumer, std::vector<MessageId> ids, Millis now) {
  held_[consumer] += ids.size();
  Ranges& ranges = claims_[queue];
  // It goes on where this consumer's range ended: nobody else's lies between.
  const auto seen = seen_up_to_.find(queue);
  if (seen != seen_up_to_.end() && !ranges.empty()) {
    auto& [first, claim] = *ranges.rbegin();
    if (claim.consumer == consumer && claim.last == seen->second) {
      extend_.Execute(ids.back(), queue, first);
      claim.last = ids.back();
      claim.ids.insert(claim.ids.end(), ids.begin(), ids.end());
      return;
    }
  }
  insert_.Execute(queue, ids.front(), ids.back(), owner_, consumer, now);
  Claim claim;
  claim.last = ids.back();
  claim.consumer = consumer;
  claim.taken_at = now;
  const MessageId first = ids.front();
  claim.ids = std::move(ids);
  ranges.emplace(first, std::move(claim));
}

Claims::Ranges::iterator Claims::Of(Ranges& ranges, MessageId id) {
  auto after = ranges.upper_bound(id);
  return after == ranges.begin() ? ranges.end() : std::prev(after);
}

bool Claims::Holds(QueueId queue, MessageId id) const {
  const auto ranges = claims_.find(queue);
  if (ranges == claims_.end()) return false;
  const auto after = ranges->second.upper_bound(id);
  return after != ranges->second.begin() && std::ranges::binary_search(std::prev(after)->second.ids, id);
}

bool Claims::Leased(QueueId queue, MessageId id) { return leased_.Number(queue, id).value_or(0) >= id; }

void Claims::Settle(QueueId queue, const std::vector<MessageId>& ids) {
  Ranges& ranges = claims_[queue];
  for (std::size_t next = 0; next < ids.size();) {
    const auto found = Of(ranges, ids[next]);
    Claim& claim = found->second;
    // One delete for each stretch without an unsettled one between.
    auto place = std::ranges::lower_bound(claim.ids, ids[next]);
    while (next < ids.size() && ids[next] <= claim.last) {
      place = std::lower_bound(place, claim.ids.end(), ids[next]);
      const auto begin = place;
      while (place != claim.ids.end() && next < ids.size() && *place == ids[next]) ++place, ++next;
      messages_.Delete(queue, *begin, *std::prev(place));
      held_[claim.consumer] -= static_cast<std::size_t>(place - begin);
      place = claim.ids.erase(begin, place);
    }
    if (!claim.ids.empty()) continue;
    remove_.Execute(queue, found->first);
    if (held_[claim.consumer] == 0) held_.erase(claim.consumer);
    ranges.erase(found);
  }
  if (ranges.empty()) claims_.erase(queue);
}

void Claims::Release(QueueId queue, const std::vector<MessageId>& ids) {
  Ranges& ranges = claims_[queue];
  seen_up_to_.erase(queue);
  for (std::size_t next = 0; next < ids.size();) {
    const auto found = Of(ranges, ids[next]);
    const Claim claim = std::move(found->second);
    remove_.Execute(queue, found->first);
    ranges.erase(found);
    held_[claim.consumer] -= claim.ids.size();
    std::vector<MessageId> stretch;
    const auto keep = [&] {
      if (!stretch.empty()) Add(queue, claim.consumer, std::exchange(stretch, {}), claim.taken_at);
    };
    for (const MessageId id : claim.ids) {
      if (next < ids.size() && ids[next] == id) {
        ++next;
        keep();
      } else {
        stretch.push_back(id);
      }
    }
    keep();
    if (held_[claim.consumer] == 0) held_.erase(claim.consumer);
  }
  if (ranges.empty()) claims_.erase(queue);
}

std::optional<Holder> Claims::HolderOf(QueueId queue) {
  auto rows = holder_.Query(queue);
  if (!rows.Next()) return std::nullopt;
  return Holder(rows.Int(0), rows.Whole(1));
}

std::uint64_t Claims::DeleteOthers(QueueId queue) {
  std::uint64_t deleted = 0;
  MessageId after = 0;
  std::vector<std::pair<MessageId, MessageId>> leased;
  for (auto rows = ranges_.Query(queue); rows.Next();) leased.emplace_back(rows.Int(0), rows.Int(1));
  for (const auto& [first, last] : leased) {
    deleted += messages_.Delete(queue, after, first - 1);
    after = last + 1;
  }
  return deleted + messages_.Delete(queue, after, kEnd);
}

void Claims::Drop(QueueId queue) {
  const auto ranges = claims_.find(queue);
  if (ranges == claims_.end()) return;
  for (const auto& [first, claim] : ranges->second) held_[claim.consumer] -= claim.ids.size();
  claims_.erase(ranges);
  seen_up_to_.erase(queue);
}

std::vector<QueueId> Claims::Queues() const {
  std::vector<QueueId> queues;
  queues.reserve(claims_.size());
  for (const auto& [queue, ranges] : claims_) queues.push_back(queue);
  return queues;
}

std::size_t Claims::HeldBy(ConsumerId consumer) const {
  const auto found = held_.find(consumer);
  return found == held_.end() ? 0 : found->second;
}

}  // namespace tidings::messaging::embedded
