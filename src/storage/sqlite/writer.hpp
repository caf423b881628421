// Writer: the one connection that writes, behind the store's group commit.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <tidings/base/clock.hpp>
#include <tidings/base/guarded.hpp>
#include <tidings/eventing/group_commit.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

#include "backup_job.hpp"
#include "log_keeper.hpp"
#include "transaction.hpp"

namespace tidings::sqlite {

// Where the store stands, for other threads; outlives the writer.
class Standing {
 public:
  std::atomic<eventing::Position> head{0};  // of the last commit
  Guarded<Status> health;                   // an error while commits are refused
};

// What a failure means, of which the first four heal:
//   no room         the batch is refused; nothing more is taken until a probe, about one a second, has found room
//   no memory       the same
//   busy, defect    the batch is refused
//   I/O, damage     nobody is answered: the fatal handler ends the process
// Whatever fails inside COMMIT, but for no room and busy, leaves the outcome unknown and is fatal.
class Writer final : public eventing::CommitBackend {
 public:
  // REQUIRES: the database's schema is up to date; all outlive the writer. Throws SqliteFailure.
  Writer(Database& database, const SqliteEventStore::Options& options, const Clock& clock, Stats& stats,
         Standing& standing);

  Status Admit() override;
  eventing::Transaction& Begin() override;
  std::uint64_t Writes() const override { return static_cast<std::uint64_t>(database_.Changes()); }
  bool Commit() override;
  std::optional<Error> Recover(std::exception_ptr failure) override;
  eventing::Position Head() const override { return standing_.head.load(std::memory_order_relaxed); }
  std::optional<std::chrono::milliseconds> Rest(bool idle) override;
  bool Alive() const override { return alive_.load(std::memory_order_acquire); }
  void Report(const eventing::BatchReport& report) override;

  // Any thread. False if a copy is being made already, or the writer can go on no more.
  bool StartBackup(std::shared_ptr<BackupJob> job);

  // REQUIRES: the thread has ended, and no reader is open.
  void Finish();

 private:
  using Steady = std::chrono::steady_clock;

  std::optional<Error> Judge(const SqliteFailure& failure, bool in_commit);
  Status Health() const { return *standing_.health.Lock(); }
  // Refuses all, with what clients are told, until a probe succeeds.
  void Pause(std::string_view event, const Error& why, Error told);
  void Probe();
  std::chrono::milliseconds UntilProbe() const;
  std::optional<std::chrono::milliseconds> StepBackup(bool idle);
  void End(const std::string& what);

  Database& database_;
  Stats& stats_;
  Standing& standing_;
  const std::chrono::milliseconds probe_every_;
  const std::function<void(const std::string&)> fatal_;
  Statement begin_;
  Statement commit_;
  WriterTransaction transaction_;
  LogKeeper log_;

  std::atomic<bool> alive_{true};
  bool committing_ = false;
  std::int64_t changes_at_begin_ = 0;
  std::uint64_t appended_at_report_ = 0;
  Steady::time_point next_probe_;
  Guarded<std::shared_ptr<BackupJob>> backup_;
};

}  // namespace tidings::sqlite
