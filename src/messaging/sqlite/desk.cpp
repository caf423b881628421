#include "desk.hpp"

#include <algorithm>

namespace tidings::messaging::embedded {
namespace {

// Taken at once by one consumer, so that those who compete share.
constexpr std::size_t kMostTaken = 64;
// Moved or expired by one commit.
constexpr std::size_t kMostByTime = 1'000;

}  // namespace

Desk::Desk(QueueFile& file, const Clock& clock)
    : file_(file),
      clock_(clock),
      owners_(file.database(), file.locks()),
      topology_(file.database()),
      messages_(file.database()),
      claims_(file.database(), messages_),
      streams_(file.database()),
      notices_(file.database()),
      insert_consumer_(file.database(), "INSERT INTO consumers (owner, consumer, queue, prefetch) VALUES (?, ?, ?, ?)"),
      remove_consumer_(file.database(), "DELETE FROM consumers WHERE owner = ? AND consumer = ?"),
      leases_of_(file.database(), "DELETE FROM leases WHERE owner = ? RETURNING queue, first_id, last_id"),
      oldest_(file.database(),
              "SELECT accepted_at FROM messages m WHERE id > ?1 << 42 AND id < (?1 + 1) << 42 AND NOT EXISTS (SELECT 1 "
              "FROM leases l WHERE l.queue = ?1 AND m.id BETWEEN l.first_id AND l.last_id) ORDER BY id LIMIT 1") {}

void Desk::Open() {
  clock_.Anchor(file_.database());
  topology_.Load();
  owners_.Look();
  Reap(owners_.Dead());
  owners_.Look();
  if (owners_.alone()) {
    for (const QueueId queue : topology_.NotDurable()) RemoveQueue(queue);
    topology_.RemoveExchangesNotDurable();
  }
  owners_.Register(Now());
  claims_.Load(owners_.id());
  notices_.Load(owners_.id());
  messages_.Flush();
  file_.OthersWrote();
}

void Desk::Begin() {
  lengths_.clear();
  const bool reload = std::exchange(reload_, false);
  if (reload) {
    messages_.Forget();
    topology_.Load();
    claims_.Load(owners_.id());
    notices_.Load(owners_.id());
  }
  if (file_.OthersWrote() || reload) SeeOthers();
  owners_.Beat();
  Reap(owners_.Dead());
  SeeTime();
}

void Desk::SeeOthers() {
  topology_.LoadIfChanged();
  for (const QueueId queue : claims_.Queues()) {
    if (topology_.Find(queue) == nullptr) claims_.Drop(queue);
  }
  claims_.ForgetPlaces();
  messages_.Forget();
  if (!owners_.Registered()) RegisterAgain();
  owners_.Look();
  next_due_ = next_expiry_ = 0;
  outbox_.streams_grew = true;
  for (auto entry = consumers_.begin(); entry != consumers_.end();) {
    if (topology_.Find(entry->second.queue) != nullptr) {
      ready_.insert((entry++)->second.queue);
      continue;
    }
    outbox_.ended.push_back(entry->first);
    RememberConsumers();
    entry = consumers_.erase(entry);
  }
  notices_.SeeOthers(outbox_.notices);
}

// This process was stopped for so long that others took it for dead.
void Desk::RegisterAgain() {
  ++epoch_;
  acks_.clear();
  owners_.Register(Now());
  claims_.Load(owners_.id());
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.listed) insert_consumer_.Execute(owners_.id(), id, consumer.queue, consumer.prefetch);
  }
  notices_.Register(owners_.id());
}

void Desk::Reap(const std::vector<std::int64_t>& dead) {
  if (dead.empty()) return;
  sqlite::Database& database = file_.database();
  for (const std::int64_t owner : dead) {
    std::vector<std::pair<QueueId, std::pair<MessageId, MessageId>>> ranges;
    for (auto rows = leases_of_.Query(owner); rows.Next();) {
      ranges.push_back({rows.Int(0), {rows.Int(1), rows.Int(2)}});
    }
    for (const auto& [queue, range] : ranges) CountUnsettled(queue, range.first, range.second);
    sqlite::Statement(database, "DELETE FROM consumers WHERE owner = ?").Execute(owner);
    sqlite::Statement(database, "DELETE FROM subscriptions WHERE owner = ?").Execute(owner);
    for (const QueueId queue : topology_.ExclusiveOf(owner)) RemoveQueue(queue);
    owners_.Remove(owner);
  }
  claims_.ForgetPlaces();
  owners_.Look();
}

// What a consumer held when it vanished may be what it died of.
void Desk::CountUnsettled(QueueId queue, MessageId first, MessageId last) {
  messages_.CountUnsettled(first, last);
  next_expiry_ = 0;
  Ready(queue);
  const QueueInfo* found = topology_.Find(queue);
  if (found == nullptr || found->options.delivery_limit == 0) return;
  const QueueInfo info = *found;  // making a queue for dead letters reads them all anew
  for (KeptMessage& kept : messages_.OverLimit(first, last, info.options.delivery_limit)) {
    messages_.Delete(queue, kept.id, kept.id);
    MarkDead(kept.message, DeathReason::kDeliveryLimit,
             "handed out " + std::to_string(kept.unsettled) + " times and never settled", info.name, clock_.Wall());
    PutDead(info, kept.message);
  }
}

void Desk::SeeTime() {
  const Millis now = Now();
  if (next_due_ && *next_due_ <= now) {
    for (const QueueId queue : messages_.MoveDue(now, kMostByTime)) Ready(queue);
    next_due_ = messages_.NextDue();
  }
  if (next_expiry_ && *next_expiry_ <= now) {
    for (KeptMessage& kept : messages_.Expired(now, kMostByTime)) {
      if (claims_.Leased(kept.queue, kept.id)) continue;  // it expires when it comes back
      const QueueInfo* info = topology_.Find(kept.queue);
      messages_.Delete(kept.queue, kept.id, kept.id);
      if (info != nullptr) Expire(QueueInfo(*info), std::move(kept.message));
    }
    next_expiry_ = messages_.NextExpiry(now);
  }
}

void Desk::Finish(bool feed) {
  ApplyAcks();
  if (feed) {
    // Again, for what expired while it was handed out is ready among the dead letters now.
    for (std::set<QueueId> before; before != ready_;) {
      before = ready_;
      for (const QueueId queue : before) Feed(queue);
    }
  }
  notices_.SeeOwn(outbox_.notices);
  messages_.Flush();
}

void Desk::Feed(QueueId queue) {
  const QueueInfo* found = topology_.Find(queue);
  std::vector<ConsumerId> hungry;
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.queue == queue && !consumer.rests && claims_.HeldBy(id) < consumer.prefetch) hungry.push_back(id);
  }
  if (found == nullptr) return;
  const QueueInfo info = *found;
  // Those who come after the one that was served last are served first.
  std::ranges::rotate(hungry, std::ranges::upper_bound(hungry, last_fed_));
  if (info.options.single_active) KeepActive(queue, hungry);
  while (!hungry.empty()) {
    for (auto consumer = hungry.begin(); consumer != hungry.end();) {
      const std::size_t room = consumers_[*consumer].prefetch - claims_.HeldBy(*consumer);
      const std::size_t most = std::min(room, kMostTaken);
      auto taken = claims_.Take(queue, *consumer, most, Now());
      const bool drained = taken.size() < most;
      std::vector<MessageId> expired;
      for (KeptMessage& kept : taken) {
        if (!kept.expires_at || *kept.expires_at > Now()) continue;
        expired.push_back(kept.id);
        Expire(info, std::move(kept.message));
        kept.id = 0;
      }
      if (!expired.empty()) {
        claims_.Settle(queue, expired);
        std::erase_if(taken, [](const KeptMessage& kept) { return kept.id == 0; });
      }
      if (!taken.empty()) {
        last_fed_ = *consumer;
        Handout handout;
        handout.consumer = *consumer;
        handout.messages = std::move(taken);
        outbox_.handouts.push_back(std::move(handout));
      }
      if (drained) {
        ready_.erase(queue);
        return;
      }
      consumer =
          claims_.HeldBy(*consumer) < consumers_[*consumer].prefetch ? std::next(consumer) : hungry.erase(consumer);
    }
  }
}

// Of the consumers whoever holds something is the active one until it holds nothing.
void Desk::KeepActive(QueueId queue, std::vector<ConsumerId>& hungry) {
  const auto listed = [&](ConsumerId consumer) { return consumers_[consumer].listed; };
  std::optional<ConsumerId> active;
  if (const auto holder = claims_.HolderOf(queue)) {
    if (holder->owner == owners_.id()) active = holder->consumer;
  } else if (const auto first = std::ranges::find_if(hungry, listed); first != hungry.end()) {
    active = *first;
  }
  std::erase_if(hungry, [&](ConsumerId consumer) { return listed(consumer) && consumer != active; });
}

void Desk::ApplyAcks() {
  for (auto& [queue, ids] : acks_) {
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    claims_.Settle(queue, ids);
  }
  acks_.clear();
}

Outbox Desk::TakeOutbox() {
  consumers_before_.reset();
  notices_.Committed();
  outbox_.epoch = epoch_;
  std::optional<Millis> next = next_due_;
  if (next_expiry_ && (!next || *next_expiry_ < *next)) next = next_expiry_;
  if (next) outbox_.due_at = clock_.Steady(*next);
  return std::exchange(outbox_, Outbox());
}

void Desk::RolledBack() {
  reload_ = true;
  acks_.clear();
  if (consumers_before_) consumers_ = *std::exchange(consumers_before_, std::nullopt);
  // A new owner's row that was rolled back is missed by the next transaction, which makes another.
  outbox_ = Outbox();
}

void Desk::EndExclusive() {
  for (const QueueId queue : topology_.ExclusiveOf(owners_.id())) RemoveQueue(queue);
}

void Desk::Leave() {
  sqlite::Database& database = file_.database();
  for (const char* table : {"leases", "consumers", "subscriptions"}) {
    sqlite::Statement(database, std::string("DELETE FROM ") + table + " WHERE owner = ?").Execute(owners_.id());
  }
  EndExclusive();
  owners_.Leave();
  messages_.Flush();
}

bool Desk::WantsToRun() const { return owners_.BeatDue() || !owners_.Dead().empty(); }

bool Desk::Ready(QueueId queue) {
  if (ready_.contains(queue)) return true;
  if (std::ranges::none_of(consumers_, [&](const auto& entry) { return entry.second.queue == queue; })) return false;
  ready_.insert(queue);
  return true;
}

void Desk::RememberConsumers() {
  if (!consumers_before_) consumers_before_ = consumers_;
}

void Desk::Lose(LossCause cause, std::string where, std::uint64_t messages) {
  if (messages == 0) return;
  Loss loss;
  loss.cause = cause;
  loss.where = std::move(where);
  loss.messages = messages;
  outbox_.losses.push_back(std::move(loss));
}

}  // namespace tidings::messaging::embedded
