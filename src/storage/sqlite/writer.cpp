#include "writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include <tidings/base/log.hpp>
#include <tidings/base/log_thread.hpp>

namespace tidings::sqlite {

namespace {

// Of SQLite: SQLITE_NOMEM, and SQLITE_ABORT_ROLLBACK for a transaction that is there no more.
constexpr int kMemoryCode = 7;
constexpr int kEndedCode = 4 | 2 << 8;

// Pages that a backup copies between two commits, and while there is nothing to commit.
constexpr int kBackupPages = 64;
constexpr int kBackupPagesIdle = 512;
// Between two tries to copy what others hold.
constexpr std::chrono::milliseconds kBetweenTries{20};

[[noreturn]] void EndProcess(const std::string& line) {
  log::LastWords(line);
  std::_Exit(70);
}

bool Heals(SqliteFailure::Cause cause) {
  return cause == SqliteFailure::Cause::kFull || cause == SqliteFailure::Cause::kBusy;
}

}  // namespace

Writer::Writer(Database& database, const SqliteEventStore::Options& options, const Clock& clock, Stats& stats,
               Standing& standing)
    : database_(database),
      stats_(stats),
      standing_(standing),
      probe_every_(options.probe_every),
      fatal_(options.fatal ? options.fatal : EndProcess),
      begin_(database, "BEGIN"),
      commit_(database, "COMMIT"),
      transaction_(database, clock),
      log_(database, options, stats) {
  standing_.head.store(transaction_.Head(), std::memory_order_release);
}

Status Writer::Admit() {
  if (auto healthy = Health(); !healthy) return healthy;
  if (!log_.Overfull()) return {};
  return Fail(ErrorCode::kStorageFull,
              "the write-ahead log of " + database_.path() + " is full, since a reader has kept it from being emptied");
}

eventing::Transaction& Writer::Begin() {
  transaction_.Begin();
  changes_at_begin_ = database_.Changes();
  begin_.Execute();
  return transaction_;
}

bool Writer::Commit() {
  const bool wrote = database_.Changes() != changes_at_begin_;
  committing_ = true;
  if (!database_.InTransaction()) {
    throw SqliteFailure(kEndedCode, database_.path() + ": SQLite has ended the transaction by itself");
  }
  commit_.Execute();
  committing_ = false;
  transaction_.Committed();
  if (transaction_.TakeRedacted()) log_.ScrubSoon();
  standing_.head.store(transaction_.Head(), std::memory_order_release);
  return wrote;
}

std::optional<Error> Writer::Recover(std::exception_ptr failure) {
  const bool in_commit = std::exchange(committing_, false);
  std::optional<Error> error;
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const SqliteFailure& thrown) {
    error = Judge(thrown, in_commit);
  } catch (const eventing::StoreFailure& thrown) {
    error = thrown.error();
  } catch (const std::bad_alloc&) {
    error = Judge(SqliteFailure(kMemoryCode, database_.path() + ": out of memory"), in_commit);
  } catch (const std::exception& thrown) {
    log::Err("commit_refused", {{"reason", thrown.what()}});
    error.emplace(ErrorCode::kInternal, "the commit was refused by a defect of the server");
  }
  if (!error) return std::nullopt;
  database_.Rollback();
  transaction_.TakeRedacted();
  try {
    transaction_.RolledBack();
  } catch (const SqliteFailure& thrown) {
    End(thrown.error().message());
    return std::nullopt;
  }
  return error;
}

std::optional<Error> Writer::Judge(const SqliteFailure& failure, bool in_commit) {
  using Cause = SqliteFailure::Cause;
  const Error& error = failure.error();
  if (in_commit && !Heals(failure.cause())) {
    End(error.message());
    return std::nullopt;
  }
  switch (failure.cause()) {
    // Clients are told no paths.
    case Cause::kFull:
      Pause("store_full", error,
            Error(ErrorCode::kStorageFull, "the disk of the server is full; it goes on once there is room"));
      return Health().error();
    case Cause::kMemory:
      Pause("store_out_of_memory", error,
            Error(ErrorCode::kUnavailable, "the server has no memory left; it goes on once there is some"));
      return Health().error();
    case Cause::kBusy:
      log::Warning("commit_refused", {{"reason", error.message()}});
      return Error(ErrorCode::kUnavailable, "another program holds the store's file; end it");
    case Cause::kIo:
    case Cause::kDamaged:
      End(error.message() + (failure.cause() == Cause::kDamaged ? "; run verify, and restore a backup" : ""));
      return std::nullopt;
    default: log::Err("commit_refused", {{"reason", error.message()}}); return error;
  }
}

std::optional<std::chrono::milliseconds> Writer::Rest(bool idle) {
  try {
    if (!Health() && Steady::now() >= next_probe_) Probe();
    // While there is no room a copy goes on: it only reads here, and is written elsewhere.
    const auto rest = Health() ? log_.Rest(idle) : UntilProbe();
    const auto backup = StepBackup(idle);
    return backup ? backup : rest;
  } catch (const SqliteFailure& failure) {
    if (!Judge(failure, false)) return std::nullopt;
    return std::chrono::milliseconds(1'000);
  }
}

void Writer::Report(const eventing::BatchReport& report) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (!report.ran) {
    stats_.turned_away.fetch_add(report.units, kRelaxed);
    return;
  }
  stats_.units.fetch_add(report.units, kRelaxed);
  stats_.refused.fetch_add(report.refused, kRelaxed);
  stats_.batch_units.Add(report.units);
  stats_.batch_micros.Add(static_cast<std::uint64_t>(report.all.count()));
  if (!report.committed) {
    stats_.rollbacks.fetch_add(1, kRelaxed);
  } else if (report.wrote) {
    stats_.commits.fetch_add(1, kRelaxed);
    stats_.commit_micros.Add(static_cast<std::uint64_t>(report.commit.count()));
    stats_.events.fetch_add(transaction_.appended() - appended_at_report_, kRelaxed);
  }
  appended_at_report_ = transaction_.appended();
}

void Writer::Pause(std::string_view event, const Error& why, Error told) {
  log::Err(event, {{"reason", why.message()}});
  *standing_.health.Lock() = std::unexpected(std::move(told));
  next_probe_ = Steady::now() + probe_every_;
}

void Writer::Probe() {
  next_probe_ = Steady::now() + probe_every_;
  try {
    // An empty log's file has to grow again for the probe, as it will for the next batches.
    log_.Truncate();
    database_.Execute("BEGIN IMMEDIATE");
    database_.Execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', zeroblob(65536))");
    database_.Execute("COMMIT");
    database_.Execute("DELETE FROM meta WHERE key = 'probe'");
  } catch (const SqliteFailure& failure) {
    database_.Rollback();
    if (!Heals(failure.cause()) && failure.cause() != SqliteFailure::Cause::kMemory) throw;
    return;
  } catch (const std::bad_alloc&) {
    database_.Rollback();
    return;
  }
  log::Info("store_recovered");
  *standing_.health.Lock() = Status();
}

std::chrono::milliseconds Writer::UntilProbe() const {
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(next_probe_ - Steady::now());
  return std::max(std::chrono::milliseconds(1), until);
}

bool Writer::StartBackup(std::shared_ptr<BackupJob> job) {
  auto backup = backup_.Lock();
  if (*backup || !Alive()) return false;
  *backup = std::move(job);
  return true;
}

std::optional<std::chrono::milliseconds> Writer::StepBackup(bool idle) {
  const std::shared_ptr<BackupJob> job = *backup_.Lock();
  if (!job) return std::nullopt;
  const BackupJob::Next next = job->Step(database_, idle ? kBackupPagesIdle : kBackupPages);
  if (next == BackupJob::Next::kEnd) backup_.Lock()->reset();
  return next == BackupJob::Next::kLater ? kBetweenTries : std::chrono::milliseconds(0);
}

void Writer::Finish() {
  if (const auto job = std::exchange(*backup_.Lock(), nullptr)) job->Abandon("the store is closing");
  if (!Alive()) return;
  try {
    log_.Truncate();
    database_.RemoveLogOnClose();
  } catch (const SqliteFailure& failure) {
    // Nothing is lost: the log is read when the store is opened again.
    log::Warning("checkpoint_failed", {{"reason", failure.error().message()}});
  }
}

void Writer::End(const std::string& what) {
  alive_.store(false, std::memory_order_release);
  if (const auto job = std::exchange(*backup_.Lock(), nullptr)) job->Abandon(what);
  fatal_("tidings: " + what +
         "; what was waiting for this commit is not answered, and the store recovers when it is opened again");
}

}  // namespace tidings::sqlite
