// SqliteInbox: an Inbox in the database of your effects, so that effect and record are one transaction there.
//
//   SqliteInbox::Options options;
//   options.file = "./shop/payments.db";
//   options.prepare = [](sqlite::Database& database) -> Status {
//     database.Execute("CREATE TABLE IF NOT EXISTS payments (id TEXT PRIMARY KEY, amount INTEGER)");
//     return {};
//   };
//   auto inbox = SqliteInbox::Open(io.get_executor(), options);
//   router.Subscribe("payments", Idempotent(**inbox), [](Context& context) -> Task<Status> {
//     context.unit()->As<SqliteUnit>().OnCommit([id = context.message().id](sqlite::Database& database) -> Status {
//       sqlite::Statement(database, "INSERT INTO payments VALUES (?, 10)").Execute(id);
//       return {};
//     });
//     co_return Status();
//   });
//
// Several processes of one machine may open the same file; the one whose commit comes second learns that the first had the
// message (kConflict) and changes nothing. docs/messaging-sqlite.md, "The inbox", describes the table.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/numbered_inbox.hpp>

namespace tidings::messaging {

namespace embedded {
class InboxCore;
class InboxPlace;
class InboxRecord;
}  // namespace embedded

// Units that commit at the same time share one transaction and one sync, each in a savepoint of its own: what one of them may
// not do leaves the others alone.
//
// A full disk refuses commits with kUnavailable, "refused", and heals by itself; nothing of the unit is written. After an I/O
// error, or where the file is damaged, the outcome of what was on its way is unknown and nothing more is done: `fatal` is
// called once, and every call fails with kInternal.
class SqliteInbox final : public NumberedInbox {
 public:
  class Options {
   public:
    Options() = default;
    // The database, made if it is missing, in a folder that exists. Who else opens it only reads, or uses a SqliteInbox
    // too: see docs/messaging-sqlite.md, "Locks".
    std::string file;
    // Makes your tables; called by Open, in a transaction. Throws SqliteFailure or returns an error: Open fails with it.
    std::function<Status(sqlite::Database&)> prepare;
    // Records are kept for so long, by the times that Record was given; commits remove older ones by and by. Longer than
    // the longest retry, and than dead letters wait for their replay.
    std::chrono::milliseconds keep = std::chrono::hours(24 * 14);
    // Units that wait for the disk; past it, commits are refused with kUnavailable.
    std::size_t most_waiting = 4'096;
    // Called on the inbox's own thread with one line for people. If it is empty the line goes to standard error and the
    // process ends, with status 70.
    std::function<void(const std::string& line)> fatal;
    // For tests: a VFS of SQLite, and what syncs the folder.
    std::string vfs;
    std::function<int(const std::string& folder)> sync_folder;
  };

  // Blocks on the disk for a moment. Errors say what is wrong with the file: not to be written, damaged.
  static Result<std::unique_ptr<SqliteInbox>> Open(Executor executor, Options options);
  // Commits that are under way end first. Units outlive it; what they ask for fails with kUnavailable.
  ~SqliteInbox() override;

  Task<Result<std::unique_ptr<InboxUnit>>> Begin() override;
  // Durable when it returns.
  Task<Result<std::uint64_t>> Forget(Millis before) override;
  // Reads the file on the executor's thread, as Record does.
  Task<Result<std::optional<std::uint64_t>>> Position(std::string consumer, std::string sequence) override;
  // Transactions so far: units that commit at the same time share them.
  std::uint64_t commits() const;

  // For who has a transaction of his own, on whatever thread: the same table, and the record is part of his transaction. Both
  // throw SqliteFailure. REQUIRES: a transaction that writes is open.
  static void MakeTable(sqlite::Database& database);
  static Recorded RecordIn(sqlite::Database& database, std::string_view message_id, std::string_view consumer,
                           Millis now);

 private:
  friend class SqliteOutbox;
  explicit SqliteInbox(std::shared_ptr<embedded::InboxCore> core);
  std::shared_ptr<embedded::InboxCore> core_;
};

class SqliteUnit final : public NumberedUnit {
 public:
  // What changes the database. It runs on the inbox's thread, within the transaction and after its records are written, and
  // has returned when Commit does: it may read and decide, but begins and ends no transaction. An error that it returns, or
  // a SqliteFailure that it throws, undoes the whole unit, and Commit fails with it.
  using Effect = std::move_only_function<Status(sqlite::Database&)>;
  // In the order in which they are given.
  void OnCommit(Effect effect) { effects_.push_back(std::move(effect)); }
  // Called on the executor once Commit has succeeded, before it returns; not at all if it fails.
  void AfterCommit(std::move_only_function<void()> told) { told_.push_back(std::move(told)); }

  explicit SqliteUnit(std::shared_ptr<embedded::InboxCore> core);
  ~SqliteUnit() override;
  // Reads the file on the executor's thread: one look-up in an index.
  Task<Result<Recorded>> Record(std::string message_id, std::string consumer, Millis now) override;
  void Advance(std::string consumer, std::string sequence, std::uint64_t number, Millis now) override;
  // kConflict: another process committed one of the messages since; nothing of this unit is written.
  Task<Status> Commit() override;

 private:
  void Drop();

  std::shared_ptr<embedded::InboxCore> core_;
  std::vector<embedded::InboxRecord> records_;
  std::vector<embedded::InboxPlace> places_;
  std::vector<Effect> effects_;
  std::vector<std::move_only_function<void()>> told_;
};

}  // namespace tidings::messaging
