// Desk: what is done within a commit. Jobs run here one after the other; then what is ready is handed to consumers, in the same
// commit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tidings/messaging/transport.hpp>

#include "claims.hpp"
#include "file_clock.hpp"
#include "message_rows.hpp"
#include "notice_rows.hpp"
#include "outbox.hpp"
#include "owners.hpp"
#include "queue_file.hpp"
#include "stream_rows.hpp"
#include "topology_book.hpp"

namespace tidings::messaging::embedded {

class ConsumerEntry {
 public:
  QueueId queue = 0;
  std::size_t prefetch = 1;
  bool listed = true;  // in the table of consumers; not one that pops a single message
  bool rests = false;  // is handed nothing
};

// One thread. Every call needs a transaction that writes, and throws SqliteFailure; an Error means that nothing was written
// for it. What it keeps in memory may be ahead of the file after a rollback: RolledBack has it read again.
class Desk {
 public:
  Desk(QueueFile& file, const Clock& clock);

  // Makes this transport an owner of the file; clears after those that are gone.
  void Open();
  // At the start of a transaction: sees what others did and what time did.
  void Begin();
  // At its end: deletes what was acknowledged, and hands out.
  void Finish(bool feed);
  Outbox TakeOutbox();
  void RolledBack();
  // Gives everything back; the owner is gone.
  void Leave();

  // Whether something may have to be done though no job came: an owner died, or has to be told that this one lives.
  bool WantsToRun() const;
  // Whether somebody waits for what other processes may do.
  bool Watches() const { return !consumers_.empty() || streams_watched > 0 || notices_.HasSubscriptions(); }

  // Jobs.
  Status Declare(const Topology& topology);
  Result<std::size_t> Publish(const Address& to, Message message, const PublishOptions& options);
  Status Ack(std::uint64_t epoch, QueueId queue, MessageId id);
  Status GiveBack(std::uint64_t epoch, QueueId queue, std::vector<MessageId> ids, bool unsettled);
  Status Retry(std::uint64_t epoch, QueueId queue, MessageId id, const Message& message,
               std::chrono::milliseconds delay);
  Status Bury(std::uint64_t epoch, QueueId queue, MessageId id, const Message& message);
  bool Holds(std::uint64_t epoch, QueueId queue, MessageId id) const;
  // Returns the queue.
  Result<QueueId> AddConsumer(ConsumerId consumer, const std::string& queue, std::size_t prefetch, bool listed);
  void RemoveConsumer(ConsumerId consumer);
  // Whether it is handed nothing for now.
  void Rest(ConsumerId consumer, bool rests);
  Result<QueueStats> Stats(const std::string& queue);
  Result<std::uint64_t> Purge(const std::string& queue);
  Status DeleteQueue(const std::string& queue);
  // Those of this owner.
  void EndExclusive();
  std::vector<std::string> QueueNames() const { return topology_.Names(); }

  // Counts in the ledger once it is committed.
  void Lose(LossCause cause, std::string where, std::uint64_t messages = 1);
  StreamRows& streams() { return streams_; }
  NoticeRows& notices() { return notices_; }
  Outbox& outbox() { return outbox_; }
  std::int64_t owner() const { return owners_.id(); }
  Millis Now() const { return clock_.Now(); }
  // Rises when all that was held is lost; a delivery bears the one it was made in.
  std::uint64_t epoch() const { return epoch_; }

  // How many wait for entries of streams.
  std::size_t streams_watched = 0;

 private:
  using Consumers = std::map<ConsumerId, ConsumerEntry>;

  void SeeOthers();
  void Reap(const std::vector<std::int64_t>& owners);
  void RegisterAgain();
  void SeeTime();
  void Feed(QueueId queue);
  void KeepActive(QueueId queue, std::vector<ConsumerId>& hungry);
  void ApplyAcks();
  void Accept(QueueId queue, Message message, std::chrono::milliseconds delay,
              std::optional<std::chrono::milliseconds> ttl);
  void PutDead(const QueueInfo& queue, const Message& message);
  void Expire(const QueueInfo& queue, Message message);
  void CountUnsettled(QueueId queue, MessageId first, MessageId last);
  bool FullFor(const QueueInfo& queue);
  void RemoveQueue(QueueId id);
  // It may have something for a consumer of ours. Returns whether there is one.
  bool Ready(QueueId queue);
  Result<const QueueInfo*> FindQueue(const std::string& name) const;
  void RememberConsumers();

  QueueFile& file_;
  FileClock clock_;
  Owners owners_;
  TopologyBook topology_;
  MessageRows messages_;
  Claims claims_;
  StreamRows streams_;
  NoticeRows notices_;
  sqlite::Statement insert_consumer_;
  sqlite::Statement remove_consumer_;
  sqlite::Statement leases_of_;
  sqlite::Statement oldest_;

  Outbox outbox_;
  std::uint64_t epoch_ = 1;
  bool reload_ = false;
  Consumers consumers_;
  std::optional<Consumers> consumers_before_;  // the present transaction, if it changed them
  ConsumerId last_fed_ = 0;
  std::set<QueueId> ready_;                    // may have something for a consumer of ours
  std::map<QueueId, std::vector<MessageId>> acks_;
  std::map<QueueId, std::int64_t> lengths_;    // of bounded queues, in the present transaction
  std::optional<Millis> next_due_ = 0;         // unknown at first
  std::optional<Millis> next_expiry_ = 0;
};

}  // namespace tidings::messaging::embedded
