// SqliteEventStore: the embedded event store, one SQLite file in a folder of its own.
//
//   SqliteEventStore::Options options;
//   options.folder = "/var/lib/tidings";
//   auto store = SqliteEventStore::Open(options);
//   if (!store) return Complain(store.error());
//   (*store)->Start();
//
// One thread with one connection writes and checkpoints; all others read (Readers). An acknowledged unit is synced to
// the disk. An I/O error from a write or a sync ends the process without an answer: start-up recovers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/storage/sqlite/readers.hpp>
#include <tidings/storage/sqlite/stats.hpp>

namespace tidings::sqlite {

// Tables of another layer in the same file and the same commits. The part's version is the number of its steps that
// have been run: step n leads from version n to n + 1, is SQL (one or more statements) and never changes once it is
// released. Missing steps run when the store is opened, in one commit for all parts.
class SchemaPart {
 public:
  SchemaPart(std::string name, std::vector<std::string> steps) : name(std::move(name)), steps(std::move(steps)) {}
  std::string name;       // [a-z_]+, kept for ever
  std::vector<std::string> steps;
  std::string in_copies;  // SQL that is run in a backup before it is whole; may be empty
};

// What units and listeners of a SqliteEventStore are really handed.
class SqliteTransaction : public eventing::Transaction {
 public:
  // The writer's connection, inside the commit's transaction: read and write through prepared statements (kept in
  // database().Slot<T>()). Never BEGIN, COMMIT or ROLLBACK.
  virtual Database& database() = 0;

  // REQUIRES: the transaction is of a SqliteEventStore.
  static SqliteTransaction& Of(eventing::Transaction& transaction) {
    return static_cast<SqliteTransaction&>(transaction);
  }
};

class SqliteEventStore final : public eventing::EventStore {
 public:
  class Options {
   public:
    // Made (0700) if it is missing; its parent must exist.
    std::string folder;
    std::vector<SchemaPart> parts;
    // False: the schema is taken as it is. A missing or older store is refused untouched.
    bool migrate = true;
    // True: nothing at all is changed, what a crash left in the write-ahead log stays there. REQUIRES: not migrate, and
    // the store is never started.
    bool only_read = false;
    // The system's clock if null. REQUIRES: outlives the store.
    const Clock* clock = nullptr;

    std::size_t queue = 16'384;  // units that wait
    std::size_t batch = 1'024;   // units in a commit
    int cache_kib = 8'192;       // the writer's pages; SQLite looks at each of them at a commit that split a page
    int page_size = 4'096;       // of a new store: 4096, 8192 or 16384
    Readers::Options readers;

    // Pages in the write-ahead log at which it is checkpointed, at which readers are waited for, and past which
    // commits are refused until it can be emptied.
    int checkpoint_pages = 4'000;
    int checkpoint_wait_pages = 16'000;
    int wal_most_pages = 262'144;
    // Rest after which a log that is not empty is checkpointed; 0 for never.
    std::chrono::milliseconds checkpoint_after{2'000};
    // How often it is tried whether a full disk has room again.
    std::chrono::milliseconds probe_every{1'000};

    // Called once with one line when the store can go on no more; the default prints it to standard error and ends the
    // process with code 70. If it returns, the store answers nobody any more.
    std::function<void(const std::string& line)> fatal;

    // For tests: a registered VFS, and what syncs a folder (0, or an errno value).
    std::string vfs;
    std::function<int(const std::string& folder)> sync_folder;
  };

  // Opens or makes the store, brings its schema up to date and takes the folder's lock. Errors say what happened,
  // where, and what to do: another server runs on the folder, it cannot be made or written, the file is damaged or
  // truncated, or of another program or of a newer version (then nothing was touched).
  static Result<std::unique_ptr<SqliteEventStore>> Open(Options options);

  ~SqliteEventStore() override;

  // Takes part in every commit, in the order of adding. REQUIRES: before Start; the listener outlives the store.
  void AddListener(eventing::CommitListener& listener);
  // Starts the writer. Units that were submitted before wait for it.
  void Start();
  // Takes no more units, runs those that wait, empties the log and closes the file. Done by the destructor too.
  void Close();

  void Submit(std::unique_ptr<eventing::Unit> unit) override;
  // The same for many, which share a commit.
  void Submit(std::vector<std::unique_ptr<eventing::Unit>> units);
  Result<std::vector<eventing::StoredEvent>> ReadStream(std::string_view stream, eventing::Version from,
                                                        std::size_t limit) override;
  Result<std::vector<eventing::StoredEvent>> ReadAll(eventing::Position after, std::size_t limit) override;
  eventing::Position Head() const override;
  std::unique_ptr<Subscription> Subscribe(std::function<void(eventing::Position head)> wake) override;

  Readers& readers();
  const Stats& stats() const;
  // An error while commits are refused (the disk is full), with the reason. It heals by itself.
  Status Healthy() const;
  // The store's own id, made with it; a backup has the same.
  const Uuid& id() const;

  // Copies the store into another folder (made if missing; REQUIRES: no store in it) while it goes on; the copy is
  // synced and checked, and is opened like any store. Blocks; not on the writer's thread.
  // `progress` is called now and then with pages done and pages in all.
  using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;
  Status Backup(const std::string& folder, const Progress& progress = {});

  // Reads everything: the pages' structure, each event's checksum, versions without a hole, rising positions, known
  // types and streams. Returns what is wrong, at most 1,000 findings. Commits go on meanwhile. Blocks.
  Result<std::vector<std::string>> CheckIntegrity(const Progress& progress = {});

 private:
  class State;
  explicit SqliteEventStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidings::sqlite
