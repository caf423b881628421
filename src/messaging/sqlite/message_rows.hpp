// MessageRows: the statements on what queues keep.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/message.hpp>

#include "topology_book.hpp"

namespace tidings::messaging::embedded {

// Of a row: the queue's id above the message's number in it.
using MessageId = std::int64_t;
inline constexpr int kNumberBits = 42;

class KeptMessage {
 public:
  MessageId id = 0;
  QueueId queue = 0;  // also of one that is delayed, whose id says nothing
  Message message;
  Millis accepted_at = 0;
  std::optional<Millis> expires_at;
  std::uint32_t deliveries = 0;  // so far, those that were given back in peace not counted
  std::uint32_t unsettled = 0;   // of them, in a row, whose consumer vanished
};

// One thread, within a transaction that writes. All throw SqliteFailure. How many messages a queue keeps and the number of the
// last one are counted in memory, and what the transaction inserted may be read from there too: Flush before its end, Forget
// after a rollback and after others wrote.
class MessageRows {
 public:
  explicit MessageRows(sqlite::Database& database);

  void Flush();
  void Forget() {
    tallies_.clear();
    fresh_.clear();
  }

  // The row's id is above all others that the queue ever had. `wanted`: it will be read in this transaction, perhaps.
  void Insert(QueueId queue, Message message, Millis accepted_at, std::optional<Millis> expires_at, bool wanted);
  // The next ones of a queue between two ids, both exclusive.
  std::vector<KeptMessage> Read(QueueId queue, MessageId after, MessageId before, std::size_t limit);
  std::optional<KeptMessage> ReadOne(MessageId id);
  // Both inclusive, those of the queue alone. Returns how many there were.
  std::uint64_t Delete(QueueId queue, MessageId first, MessageId last);
  // The message as it is after a failed handling.
  void Replace(MessageId id, const Message& message);
  void CountUnsettled(MessageId first, MessageId last);
  std::vector<KeptMessage> OverLimit(MessageId first, MessageId last, std::uint32_t limit);
  std::int64_t Count(QueueId queue) { return TallyOf(queue).kept; }
  std::vector<KeptMessage> Expired(Millis now, std::size_t limit);
  std::optional<Millis> NextExpiry(Millis after);

  void InsertDelayed(QueueId queue, const Message& message, Millis accepted_at, std::optional<Millis> expires_at,
                     std::uint32_t deliveries, std::uint32_t unsettled, Millis due_at);
  // The queues into which something came.
  std::set<QueueId> MoveDue(Millis now, std::size_t limit);
  std::optional<Millis> NextDue();
  std::int64_t CountDelayed(QueueId queue);
  std::uint64_t DeleteDelayed(QueueId queue);

 private:
  class Tally {
   public:
    std::int64_t last = 0;
    std::int64_t kept = 0;
    bool changed = false;
  };
  // What was inserted and not read yet, without a gap, up to the newest.
  class Fresh {
   public:
    MessageId first = 0;
    std::vector<KeptMessage> messages;
    std::size_t next = 0;
  };
  Tally& TallyOf(QueueId queue);
  MessageId InsertRow(QueueId queue, const KeptMessage& kept);
  void Keep(KeptMessage kept);

  std::map<QueueId, Tally> tallies_;
  std::map<QueueId, Fresh> fresh_;
  sqlite::Statement tally_;
  sqlite::Statement set_tally_;
  sqlite::Statement insert_;
  sqlite::Statement read_;
  sqlite::Statement read_one_;
  sqlite::Statement delete_;
  sqlite::Statement replace_;
  sqlite::Statement count_unsettled_;
  sqlite::Statement over_limit_;
  sqlite::Statement expired_;
  sqlite::Statement next_expiry_;
  sqlite::Statement insert_delayed_;
  sqlite::Statement due_;
  sqlite::Statement delete_due_;
  sqlite::Statement next_due_;
  sqlite::Statement count_delayed_;
  sqlite::Statement delete_delayed_;
};

}  // namespace tidings::messaging::embedded
