// QueueFile: the database file and the rules by which several processes write it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/base/sqlite/database.hpp>

#include "lock_file.hpp"

namespace tidings::messaging::embedded {

// SQLite 3.7.0 to 3.51.2 can lose a commit when two checkpoints of two connections overlap with it, so an operating
// system's lock spans each transaction that writes and each checkpoint, and nothing checkpoints by itself. One thread.
class QueueFile {
 public:
  class Options {
   public:
    std::string folder;
    std::string file = "messaging.db";
    std::string vfs;                                     // of SQLite; empty: the default one
    std::function<int(const std::string&)> sync_folder;  // has names survive a crash; 0 or an errno value
  };

  // Makes folder and file where they are missing, and what `prepare` makes, which is called under the lock. kInternal, with
  // what to do, where that cannot be.
  static Result<std::unique_ptr<QueueFile>> Open(const Options& options,
                                                 const std::function<Status(sqlite::Database&)>& prepare);
  ~QueueFile();

  sqlite::Database& database() { return database_; }
  LockFile& locks() { return locks_; }

  // Takes the lock and begins to write. Throws SqliteFailure, kBusy if others hold the lock too long.
  void Begin();
  // What was written since Begin is synced when this returns. Throws SqliteFailure.
  void Commit();
  // After Commit: moves the log into the file where that is due, and frees the lock. Throws SqliteFailure.
  void Tidy();
  // Whether Commit was called and has not returned: what it threw may leave the outcome unknown.
  bool committing() const { return committing_; }
  void Rollback() noexcept;

  // Whether somebody else committed since this was last called.
  bool OthersWrote();
  // The same, and it will say so again. Needs no transaction.
  bool Stale();
  // Moves the log into the file, and empties it if `empty`. REQUIRES: no transaction is open. Throws SqliteFailure.
  void Checkpoint(bool empty);
  // Frames in the log that are not in the file yet, as far as this connection knows.
  int unmoved() const { return frames_ - moved_; }

 private:
  QueueFile(const std::string& path, const std::string& vfs, LockFile locks);
  void Move(int mode);

  LockFile locks_;
  sqlite::Database database_;
  std::unique_ptr<sqlite::Statement> begin_;
  std::unique_ptr<sqlite::Statement> commit_;
  std::unique_ptr<sqlite::Statement> data_version_;
  bool locked_ = false;
  bool committing_ = false;
  std::int64_t seen_version_ = -1;
  int frames_ = 0;
  int moved_ = 0;
};

}  // namespace tidings::messaging::embedded
