// Claims: which messages this transport has handed out. A claim is a range of a queue's rows that one consumer holds, one row
// of `leases`: leasing a thousand messages costs what leasing one does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

#include "message_rows.hpp"

namespace tidings::messaging::embedded {

using ConsumerId = std::uint64_t;

// Whose messages are.
class Holder {
 public:
  Holder(std::int64_t owner_, ConsumerId consumer_) : owner(owner_), consumer(consumer_) {}
  std::int64_t owner;
  ConsumerId consumer;
};

// Within a range every message of that queue that is still there is leased, and new ones come above all ranges, since ids
// only rise. One thread, within a transaction that writes; all throw SqliteFailure. After a rollback: Load.
class Claims {
 public:
  Claims(sqlite::Database& database, MessageRows& messages);

  // What the file says the owner holds.
  void Load(std::int64_t owner);
  // Others wrote: what they gave back or took is not known.
  void ForgetPlaces() { seen_up_to_.clear(); }

  // The next messages that nobody holds, and leases them. Fewer than `limit`: there are no more.
  std::vector<KeptMessage> Take(QueueId queue, ConsumerId consumer, std::size_t limit, Millis now);
  // Whether this transport holds it.
  bool Holds(QueueId queue, MessageId id) const;
  // Whether anybody does.
  bool Leased(QueueId queue, MessageId id);
  // Deletes what was held. REQUIRES: it is; ids are sorted, each once.
  void Settle(QueueId queue, const std::vector<MessageId>& ids);
  // Lets others have it. REQUIRES: as Settle.
  void Release(QueueId queue, const std::vector<MessageId>& ids);
  // Deletes what nobody holds. Returns how many there were.
  std::uint64_t DeleteOthers(QueueId queue);
  // The queue is gone.
  void Drop(QueueId queue);
  // Of which something is held.
  std::vector<QueueId> Queues() const;
  // How many messages a consumer holds.
  std::size_t HeldBy(ConsumerId consumer) const;
  // Who holds something of the queue: the first one, if there are several.
  std::optional<Holder> HolderOf(QueueId queue);
  // How many messages of the queue anybody holds.
  std::int64_t CountLeased(QueueId queue) { return count_.Number(queue).value_or(0); }
  bool empty() const { return claims_.empty(); }

 private:
  class Claim {
   public:
    MessageId last = 0;
    ConsumerId consumer = 0;
    Millis taken_at = 0;
    std::vector<MessageId> ids;               // that are not settled, ascending
  };
  using Ranges = std::map<MessageId, Claim>;  // by the first id

  Ranges::iterator Of(Ranges& ranges, MessageId id);
  void Add(QueueId queue, ConsumerId consumer, std::vector<MessageId> ids, Millis now);

  MessageRows& messages_;
  sqlite::Statement load_;
  sqlite::Statement ids_;
  sqlite::Statement ranges_;
  sqlite::Statement insert_;
  sqlite::Statement extend_;
  sqlite::Statement remove_;
  sqlite::Statement leased_;
  sqlite::Statement holder_;
  sqlite::Statement count_;
  std::int64_t owner_ = 0;
  std::map<QueueId, Ranges> claims_;
  std::unordered_map<ConsumerId, std::size_t> held_;
  std::unordered_map<QueueId, MessageId> seen_up_to_;  // all that is there up to this id is leased
};

}  // namespace tidings::messaging::embedded
