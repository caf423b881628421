// SqliteOutbox: what is published is a row of the transaction that it tells of, in the database of a SqliteInbox; a forwarder
// then publishes the rows over any transport. So a handler's effect, the record that its message was handled, and what it
// publishes are one commit: all of it, or none.
//
//   options.prepare = [](sqlite::Database& database) -> Status { return SqliteOutbox::MakeTables(database); };
//   auto inbox = SqliteInbox::Open(io.get_executor(), options);
//   SqliteOutbox outbox(**inbox, timers);
//   router.Subscribe("orders", Idempotent(**inbox), [&](Context& context) -> Task<Status> {
//     auto& unit = context.unit()->As<SqliteUnit>();
//     unit.OnCommit(Pay(context.message().body));
//     co_return outbox.Publish(unit, Address::Exchange("payments", "order.paid"), context.Follow("order.paid", "7"));
//   });
//   co_await outbox.Run(transport);  // beside, until Stop
//
// What is promised: what was committed is published at least once, with the id it was given, so that the receiver's inbox makes
// it once; what was not committed, never. A row is deleted when the transport has confirmed it. Messages of one key to one
// exchange, or to one queue, are published in the order of their commits, each after the one before was confirmed; those
// without a key at the same time. docs/messaging-sqlite.md, "The outbox", describes the tables.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/sqlite/inbox.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

namespace embedded {
class OutboxCore;
}  // namespace embedded

class OutboxOptions {
 public:
  OutboxOptions() = default;
  // Rows that wait, and bytes of a body; what is more is refused (kUnavailable, kTooLarge), and its unit with it.
  std::uint64_t most_rows = 1'000'000;
  std::size_t most_body = Message::kMostBody;
  // Rows that are read at a time, and publishes under way at most. A page ends early at 4 MiB.
  std::size_t page = 100;
  std::size_t in_flight = 64;
  // How often it is looked for rows that other processes committed, and whether the one that forwards is gone.
  std::chrono::milliseconds poll_every{200};
  // Pauses before what failed is published again: the first, twice as long each time, and the longest.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds most_pause{10'000};
  // Tries of a message that has no route (kNotFound), which may come to be, before it is dead.
  std::uint32_t tries = 8;
  // How long Stop waits for publishes under way.
  std::chrono::milliseconds drain{10'000};
  // Counts what expires here, or is purged. It outlives the outbox.
  LossLedger* ledger = nullptr;
};

// What waits to be published.
class OutboxBacklog {
 public:
  std::uint64_t rows = 0;
  std::optional<std::chrono::milliseconds> oldest;  // age of the first of them
  std::uint64_t dead = 0;
};

// What this object's forwarder did.
class OutboxStats {
 public:
  std::uint64_t forwarded = 0;  // confirmed
  std::uint64_t failures = 0;   // publishes that were not
  std::uint64_t dead = 0;
  std::uint64_t expired = 0;
  std::size_t waiting_lanes = 0;  // keys and addresses that are tried again later
  bool forwards = false;          // else another one does, or none runs here
};

// A message that the broker refused as such.
class DeadRow {
 public:
  DeadRow(std::int64_t row_, Outgoing outgoing_) : row(row_), outgoing(std::move(outgoing_)) {}
  std::int64_t row;
  Outgoing outgoing;
  Millis died_at = 0;
  std::uint32_t tries = 0;
  std::string error;
};

// One executor, the inbox's.
//
// What becomes of a message that is not accepted: kInvalid and kTooLarge make it a dead row at once, kNotFound after some
// tries, and what lies behind it goes on. Any other error waits, with its key (or, without one, its address), until the
// transport takes it; other keys go on beside it, as long as fewer than 256 wait.
class SqliteOutbox {
 public:
  // REQUIRES: `inbox` and `timers` outlive it; the inbox's `prepare` called MakeTables.
  explicit SqliteOutbox(SqliteInbox& inbox, Timers& timers, OutboxOptions options = OutboxOptions());
  // As Stop, without waiting.
  ~SqliteOutbox();
  SqliteOutbox(const SqliteOutbox&) = delete;
  SqliteOutbox& operator=(const SqliteOutbox&) = delete;

  // `tidings_outbox` and what belongs to it, unless they are there; refuses those of a newer version, unchanged. Throws
  // SqliteFailure. REQUIRES: a transaction that writes is open.
  static Status MakeTables(sqlite::Database& database);

  // The row is written when the unit commits, and forwarded at once. kInvalid, kTooLarge: it could never be published; give up
  // the unit, or publish something else. `delay` and `ttl` count from now. REQUIRES: the unit is of this outbox's inbox.
  Status Publish(SqliteUnit& unit, Address to, Message message, PublishOptions options = PublishOptions());
  // For an effect that decides what to publish, and for who has a transaction of his own: the same row in it, which is found by
  // the next poll, or by Wake. Throws SqliteFailure. REQUIRES: a transaction that writes is open.
  static Status PublishIn(sqlite::Database& database, const Outgoing& outgoing, Millis now,
                          const OutboxOptions& options = OutboxOptions());
  void Wake();

  // Publishes what is committed until Stop, or until the file fails (kInternal). Any number of processes, and of outboxes, may
  // run on one file: one of them forwards, and another takes over when it stops or its process ends, however it ends. A
  // process that is stopped (SIGSTOP) keeps its turn. kConflict: this one runs already. REQUIRES: the transport outlives it.
  Task<Status> Run(Transport& transport);
  // Ends the Run that has begun: no new publish begins, those under way are waited for, and what is confirmed is deleted. What was not
  // confirmed in time is published again by the next Run. Idempotent.
  Task<void> Stop();

  Task<Result<OutboxBacklog>> Backlog();
  const OutboxStats& stats() const;

  // Dead rows above `after`, the oldest first, at most 1,000, and no more after 4 MiB.
  Task<Result<std::vector<DeadRow>>> Dead(std::int64_t after = 0, std::size_t most = 100);
  // Moves these back, behind what waits, with their ids; all of them if none is named. Returns how many.
  Task<Result<std::uint64_t>> Replay(std::vector<std::int64_t> rows = {});
  // Drops them for good.
  Task<Result<std::uint64_t>> Purge(std::vector<std::int64_t> rows = {});

 private:
  std::shared_ptr<embedded::OutboxCore> core_;
};

}  // namespace tidings::messaging
