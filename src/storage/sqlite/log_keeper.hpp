// LogKeeper: when the write-ahead log is moved into the file, and that it stays bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/storage/sqlite/stats.hpp>

namespace tidings::sqlite {

// For the writer's thread. Nobody else checkpoints: SQLite 3.7.0 to 3.51.2 can lose a commit when two checkpoints
// overlap.
class LogKeeper {
 public:
  // REQUIRES: `database` is the writer's connection; all outlive the keeper.
  LogKeeper(Database& database, const SqliteEventStore::Options& options, Stats& stats);
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

  // Between commits: checkpoints if it is time. Says when it wants to be called again. Throws SqliteFailure.
  std::optional<std::chrono::milliseconds> Rest(bool idle);
  // Text was deleted: the log, which still holds it, is emptied soon.
  void ScrubSoon();
  // Moves all and empties the log's file, waiting a little for readers. False if they held it. Throws SqliteFailure.
  bool Truncate();
  // The log is past its last bound: commits are to be refused.
  bool Overfull() const { return frames_ > most_; }

 private:
  using Clock = std::chrono::steady_clock;

  void OnCommit(int frames);
  bool Checkpoint(int mode);
  void Count();

  Database& database_;
  Stats& stats_;
  const int page_size_;
  const int soft_;
  const int wait_;
  const int most_;
  const std::chrono::milliseconds after_;

  int frames_ = 0;                            // in the log
  int moved_ = 0;                             // of them, that are in the file too
  int peak_ = 0;                              // since the log's file was last emptied
  int next_;                                  // frames at which to checkpoint
  Clock::time_point touched_ = Clock::now();  // last commit or attempt
  std::optional<Clock::time_point> scrub_;
};

}  // namespace tidings::sqlite
