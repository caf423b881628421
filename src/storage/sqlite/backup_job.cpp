#include "backup_job.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <tidings/storage/sqlite/event_rows.hpp>

#include "file_probe.hpp"
#include "folder.hpp"

namespace tidings::sqlite {

namespace {

std::unexpected<Error> FailWith(const std::string& what, int cause) {
  return Fail(ErrorCode::kInternal, what + ": " + std::strerror(cause) +
                                        "; see that there is room and that this user "
                                        "may write there");
}

}  // namespace

PartFile::~PartFile() { std::remove(part_.c_str()); }

bool PartFile::Left(const std::string& file) { return access((file + kEnding).c_str(), F_OK) == 0; }

Status PartFile::Make() {
  std::remove(part_.c_str());
  const int made = open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0) return FailWith("cannot make " + part_, errno);
  close(made);
  return {};
}

Status PartFile::Prepare(const std::string& sql) {
  if (sql.empty()) return {};
  try {
    Database copy(part_, Database::Mode::kWriter);
    copy.Execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    copy.Execute(sql);
  } catch (const SqliteFailure& failure) {
    return std::unexpected(failure.error().Within("the copy cannot be changed"));
  }
  return {};
}

Status PartFile::Accept() {
  if (const int cause = SyncFile(part_); cause != 0) return FailWith("cannot sync " + part_, cause);
  if (const auto probe = FileProbe::Look(part_); !probe) return std::unexpected(probe.error());
  try {
    Database copy(part_, Database::Mode::kSealed);
    EventRows rows(copy);
    const auto head = rows.Head();
    if (head != 0 && !rows.ReadAt(head)) ThrowBadRow("the last event is missing");
  } catch (const SqliteFailure& failure) {
    return std::unexpected(failure.error().Within("the copy cannot be read"));
  }
  if (std::rename(part_.c_str(), file_.c_str()) != 0) return FailWith("cannot make " + file_, errno);
  const std::string folder = std::filesystem::path(file_).parent_path().string();
  if (const int cause = SyncFolder(folder); cause != 0) return FailWith("cannot sync " + folder, cause);
  return {};
}

BackupJob::~BackupJob() { Release(); }

BackupJob::Next BackupJob::Step(Database& source, int pages) {
  if (Ended()) {  // nobody waits for it any more
    Release();
    return Next::kEnd;
  }
  try {
    if (!copy_) {
      copy_ = std::make_unique<Database>(file_, Database::Mode::kWriter);
      // It is synced as a whole at the end; until then it bears another name.
      copy_->Execute("PRAGMA busy_timeout=0");  // the writer waits for nobody
      copy_->Execute("PRAGMA journal_mode=OFF");
      copy_->Execute("PRAGMA synchronous=OFF");
      backup_ = sqlite3_backup_init(copy_->handle(), "main", source.handle(), "main");
      if (backup_ == nullptr) copy_->ThrowLast(sqlite3_extended_errcode(copy_->handle()));
    }
    const int code = sqlite3_backup_step(backup_, pages);
    {
      const std::lock_guard lock(mutex_);
      all_ = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup_));
      done_ = all_ - static_cast<std::uint64_t>(sqlite3_backup_remaining(backup_));
      changed_.notify_all();
    }
    if (code == SQLITE_OK) return Next::kAtOnce;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return Next::kLater;
    if (code != SQLITE_DONE) {
      throw SqliteFailure(code, file_ + ": " + sqlite3_errstr(code) + " (SQLite code " + std::to_string(code) + ")");
    }
    const int finished = sqlite3_backup_finish(backup_);
    backup_ = nullptr;
    if (finished != SQLITE_OK) copy_->ThrowLast(finished);
    End({});
  } catch (const SqliteFailure& failure) {
    const bool full = failure.cause() == SqliteFailure::Cause::kFull;
    End(Fail(failure.error().code(), failure.error().message() + (full ? "; make room where the copy is made" : "")));
  }
  return Next::kEnd;
}

void BackupJob::Abandon(const std::string& why) { End(Fail(ErrorCode::kUnavailable, why)); }

Status BackupJob::Wait(const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  std::unique_lock lock(mutex_);
  std::uint64_t told = 0;
  while (true) {
    if (!changed_.wait_for(lock, patience_, [&] { return outcome_ || done_ != told; })) {
      outcome_ = Fail(ErrorCode::kUnavailable,
                      "the copy " + file_ + " got no further for " +
                          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(patience_).count()) +
                          " s, at page " + std::to_string(done_) + " of " + std::to_string(all_) +
                          "; see that the disks work and that no other program holds it, and try again");
    }
    const bool ended = outcome_.has_value();
    const std::uint64_t all = all_;
    told = done_;
    if (progress && all > 0) {
      lock.unlock();
      progress(told, all);
      lock.lock();
    }
    if (ended) return *outcome_;
  }
}

void BackupJob::End(Status outcome) {
  Release();
  const std::lock_guard lock(mutex_);
  if (!outcome_) outcome_ = std::move(outcome);
  changed_.notify_all();
}

bool BackupJob::Ended() {
  const std::lock_guard lock(mutex_);
  return outcome_.has_value();
}

void BackupJob::Release() {
  if (backup_ != nullptr) sqlite3_backup_finish(backup_);
  backup_ = nullptr;
  copy_.reset();
}

}  // namespace tidings::sqlite
