// What the jobs do with queues.
#include <algorithm>
#include <limits>

#include "desk.hpp"

namespace tidings::messaging::embedded {
namespace {

std::unexpected<Error> NotOurs() {
  return Fail(ErrorCode::kConflict, "the delivery is not held any more: its lease ended, or its queue was deleted");
}

std::unexpected<Error> RefuseAsFull(const QueueInfo& queue) {
  return Fail(ErrorCode::kUnavailable, "refused: the queue " + queue.name + " is full, " +
                                           std::to_string(*queue.options.max_length) + " messages wait in it");
}

}  // namespace

Result<const QueueInfo*> Desk::FindQueue(const std::string& name) const {
  const QueueInfo* queue = topology_.Find(name);
  if (queue == nullptr) return Fail(ErrorCode::kNotFound, "there is no queue " + name + "; declare it");
  return queue;
}

Status Desk::Declare(const Topology& topology) { return topology_.Declare(topology, owners_.id()); }

Result<std::size_t> Desk::Publish(const Address& to, Message message, const PublishOptions& options) {
  if (const QueueInfo* queue = to.is_queue() ? topology_.Find(to.routing_key()) : nullptr) {
    if (FullFor(*queue)) return RefuseAsFull(*queue);
    Accept(queue->id, std::move(message), options.delay, options.ttl);
    return 1;
  }
  auto queues = topology_.Route(to.exchange(), to.routing_key());
  if (!queues) {
    if (options.require_route || !to.is_queue()) return std::unexpected(queues.error());
    queues = std::vector<QueueId>();
  }
  if (queues->empty()) {
    if (options.require_route) {
      return Fail(ErrorCode::kNotFound, "no queue is bound to the exchange " + to.exchange() + " for the routing key " +
                                            to.routing_key() + "; bind one, or publish without require_route");
    }
    Lose(LossCause::kUnrouted, to.is_queue() ? to.routing_key() : to.exchange());
    return 0;
  }
  for (const QueueId id : *queues) {
    const QueueInfo& queue = *topology_.Find(id);
    if (FullFor(queue)) return RefuseAsFull(queue);
  }
  for (std::size_t i = 0; i + 1 < queues->size(); ++i) Accept((*queues)[i], message, options.delay, options.ttl);
  Accept(queues->back(), std::move(message), options.delay, options.ttl);
  return queues->size();
}

bool Desk::FullFor(const QueueInfo& queue) {
  if (!queue.options.max_length) return false;
  auto found = lengths_.find(queue.id);
  if (found == lengths_.end()) {
    ApplyAcks();
    const std::int64_t length =
        messages_.Count(queue.id) - claims_.CountLeased(queue.id) + messages_.CountDelayed(queue.id);
    found = lengths_.emplace(queue.id, length).first;
  }
  if (found->second >= static_cast<std::int64_t>(*queue.options.max_length)) return true;
  ++found->second;
  return false;
}

void Desk::Accept(QueueId id, Message message, std::chrono::milliseconds delay,
                  std::optional<std::chrono::milliseconds> ttl) {
  const QueueOptions& options = topology_.Find(id)->options;
  if (options.message_ttl && (!ttl || *options.message_ttl < *ttl)) ttl = options.message_ttl;
  const Millis now = Now();
  std::optional<Millis> expires_at;
  if (ttl) {
    expires_at = now + ttl->count();
    next_expiry_ = next_expiry_ ? std::min(*next_expiry_, *expires_at) : *expires_at;
  }
  if (delay.count() > 0) {
    messages_.InsertDelayed(id, message, now, expires_at, 0, 0, now + delay.count());
    next_due_ = next_due_ ? std::min(*next_due_, now + delay.count()) : now + delay.count();
  } else {
    // Where somebody waits for it, it need not be read again.
    messages_.Insert(id, std::move(message), now, expires_at, Ready(id));
  }
}

bool Desk::Holds(std::uint64_t epoch, QueueId queue, MessageId id) const {
  return epoch == epoch_ && claims_.Holds(queue, id);
}

Status Desk::Ack(std::uint64_t epoch, QueueId queue, MessageId id) {
  if (!Holds(epoch, queue, id)) return NotOurs();
  acks_[queue].push_back(id);
  return {};
}

Status Desk::GiveBack(std::uint64_t epoch, QueueId queue, std::vector<MessageId> ids, bool unsettled) {
  std::erase_if(ids, [&](MessageId id) { return !Holds(epoch, queue, id); });
  if (ids.empty()) return NotOurs();
  std::ranges::sort(ids);
  ApplyAcks();
  claims_.Release(queue, ids);
  next_expiry_ = 0;
  if (unsettled) {
    for (const MessageId id : ids) CountUnsettled(queue, id, id);
  }
  Ready(queue);
  return {};
}

Status Desk::Retry(std::uint64_t epoch, QueueId queue, MessageId id, const Message& message,
                   std::chrono::milliseconds delay) {
  if (!Holds(epoch, queue, id)) return NotOurs();
  if (delay.count() <= 0) {
    ApplyAcks();
    messages_.Replace(id, message);
    claims_.Release(queue, {id});
    next_expiry_ = 0;
    Ready(queue);
    return {};
  }
  const auto kept = messages_.ReadOne(id);
  if (!kept) return NotOurs();
  const Millis due_at = Now() + delay.count();
  messages_.InsertDelayed(queue, message, kept->accepted_at, kept->expires_at, kept->deliveries + 1, 0, due_at);
  next_due_ = next_due_ ? std::min(*next_due_, due_at) : due_at;
  acks_[queue].push_back(id);
  return {};
}

Status Desk::Bury(std::uint64_t epoch, QueueId queue, MessageId id, const Message& message) {
  if (!Holds(epoch, queue, id)) return NotOurs();
  const QueueInfo* info = topology_.Find(queue);
  if (info == nullptr) return NotOurs();
  const QueueInfo copy = *info;
  acks_[queue].push_back(id);
  PutDead(copy, message);
  return {};
}

void Desk::PutDead(const QueueInfo& queue, const Message& message) {
  if (!queue.options.dead_letters) return Lose(LossCause::kNoDeadLetter, queue.name);
  const std::string name = DeadLetterQueue(queue.name);
  const QueueInfo* dead = topology_.Find(name);
  Accept(dead != nullptr ? dead->id : topology_.MakeDeadLetterQueue(queue), message, std::chrono::milliseconds(0),
         std::nullopt);
}

void Desk::Expire(const QueueInfo& queue, Message message) {
  if (!queue.options.dead_letters) return Lose(LossCause::kExpired, queue.name);
  MarkDead(message, DeathReason::kExpired, "its time to live ended", queue.name, clock_.Wall());
  PutDead(queue, message);
}

Result<QueueId> Desk::AddConsumer(ConsumerId consumer, const std::string& name, std::size_t prefetch, bool listed) {
  const auto queue = FindQueue(name);
  if (!queue) return std::unexpected(queue.error());
  if ((*queue)->exclusive_owner && (*queue)->exclusive_owner != owners_.id()) {
    return Fail(ErrorCode::kConflict, "the queue " + name + " is another connection's own");
  }
  RememberConsumers();
  ConsumerEntry& entry = consumers_[consumer];
  entry.queue = (*queue)->id;
  entry.prefetch = prefetch;
  entry.listed = listed;
  if (listed) insert_consumer_.Execute(owners_.id(), consumer, entry.queue, prefetch);
  Ready(entry.queue);
  return entry.queue;
}

void Desk::RemoveConsumer(ConsumerId consumer) {
  const auto found = consumers_.find(consumer);
  if (found == consumers_.end()) return;
  RememberConsumers();
  if (found->second.listed) remove_consumer_.Execute(owners_.id(), consumer);
  consumers_.erase(found);
}

void Desk::Rest(ConsumerId consumer, bool rests) {
  const auto found = consumers_.find(consumer);
  if (found == consumers_.end()) return;
  RememberConsumers();
  found->second.rests = rests;
  if (!rests) Ready(found->second.queue);
}

Result<QueueStats> Desk::Stats(const std::string& name) {
  const auto queue = FindQueue(name);
  if (!queue) return std::unexpected(queue.error());
  ApplyAcks();
  const QueueId id = (*queue)->id;
  QueueStats stats;
  stats.unsettled = static_cast<std::uint64_t>(claims_.CountLeased(id));
  stats.ready = static_cast<std::uint64_t>(messages_.Count(id)) - stats.unsettled;
  stats.delayed = static_cast<std::uint64_t>(messages_.CountDelayed(id));
  stats.consumers = static_cast<std::uint64_t>(
      sqlite::Statement(file_.database(), "SELECT count(*) FROM consumers WHERE queue = ?").Number(id).value_or(0));
  if (const auto oldest = oldest_.Number(id)) {
    stats.oldest = std::chrono::milliseconds(std::max<Millis>(Now() - *oldest, 0));
  }
  return stats;
}

Result<std::uint64_t> Desk::Purge(const std::string& name) {
  const auto queue = FindQueue(name);
  if (!queue) return std::unexpected(queue.error());
  ApplyAcks();
  const std::uint64_t dropped = claims_.DeleteOthers((*queue)->id) + messages_.DeleteDelayed((*queue)->id);
  Lose(LossCause::kPurged, name, dropped);
  return dropped;
}

Status Desk::DeleteQueue(const std::string& name) {
  const auto queue = FindQueue(name);
  if (!queue) return std::unexpected(queue.error());
  ApplyAcks();
  const bool has_dead = (*queue)->options.dead_letters;
  RemoveQueue((*queue)->id);
  const QueueInfo* dead = has_dead ? topology_.Find(DeadLetterQueue(name)) : nullptr;
  if (dead != nullptr && messages_.Count(dead->id) + messages_.CountDelayed(dead->id) == 0) RemoveQueue(dead->id);
  return {};
}

void Desk::RemoveQueue(QueueId id) {
  const QueueInfo* queue = topology_.Find(id);
  if (queue == nullptr) return;
  const std::string name = queue->name;
  claims_.Drop(id);
  acks_.erase(id);
  ready_.erase(id);
  std::uint64_t dropped = messages_.DeleteDelayed(id);
  dropped += messages_.Delete(id, 0, std::numeric_limits<MessageId>::max());
  sqlite::Statement(file_.database(), "DELETE FROM leases WHERE queue = ?").Execute(id);
  sqlite::Statement(file_.database(), "DELETE FROM consumers WHERE queue = ?").Execute(id);
  topology_.RemoveQueue(id);
  Lose(LossCause::kPurged, name, dropped);
  RememberConsumers();
  std::erase_if(consumers_, [&](const auto& entry) {
    if (entry.second.queue == id) outbox_.ended.push_back(entry.first);
    return entry.second.queue == id;
  });
}

}  // namespace tidings::messaging::embedded
