#include "queue_file.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tidings::messaging::embedded {
namespace {

using sqlite::SqliteFailure;

constexpr std::chrono::seconds kMostWait{10};
// Frames at which the log is moved into the file, and at which it is emptied too.
constexpr int kMoveAt = 1'000;
constexpr int kEmptyAt = 8'000;

int SyncFolder(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const int result = fsync(folder) == 0 ? 0 : errno;
  close(folder);
  return result;
}

Status MakeFolder(const std::string& path) {
  if (path.empty()) return Fail(ErrorCode::kInternal, "no folder is named for the queues; name one");
  if (mkdir(path.c_str(), 0700) == 0) {
    auto made = std::filesystem::absolute(path).lexically_normal();
    if (!made.has_filename()) made = made.parent_path();  // it ended in a slash
    SyncFolder(made.parent_path().string());
    return {};
  }
  const int cause = errno;
  struct stat found{};
  if (cause == EEXIST && stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    return Fail(ErrorCode::kInternal, path + " is no folder; name a folder for the queues");
  }
  return Fail(ErrorCode::kInternal, "cannot make the folder " + path + ": " + std::strerror(cause) +
                                        "; make it, or name one whose parent exists and may be written");
}

Error OpenFailure(const SqliteFailure& failure) {
  const std::string& what = failure.error().message();
  switch (failure.cause()) {
    case SqliteFailure::Cause::kDamaged:
      return Error(ErrorCode::kInternal,
                   what + "; nothing was changed: restore it from a backup, or use another folder");
    case SqliteFailure::Cause::kFull: return Error(ErrorCode::kStorageFull, what + "; make room on the disk");
    case SqliteFailure::Cause::kBusy:
      return Error(ErrorCode::kUnavailable, what + "; another program holds the file: end it");
    default: return Error(ErrorCode::kInternal, what + "; the queues need a file that this user may read and write");
  }
}

}  // namespace

QueueFile::QueueFile(const std::string& path, const std::string& vfs, LockFile locks)
    : locks_(std::move(locks)), database_(path, sqlite::Database::Mode::kWriter, vfs) {}

QueueFile::~QueueFile() {
  Rollback();
  sqlite3_wal_hook(database_.handle(), nullptr, nullptr);
}

Result<std::unique_ptr<QueueFile>> QueueFile::Open(const Options& options,
                                                   const std::function<Status(sqlite::Database&)>& prepare) {
  if (auto made = MakeFolder(options.folder); !made) return std::unexpected(made.error());
  const std::string path = options.folder + "/" + options.file;
  auto locks = LockFile::Open(std::filesystem::path(path).replace_extension("lock").string());
  if (!locks) return std::unexpected(locks.error());
  if (!locks->LockWriting(kMostWait)) {
    return Fail(ErrorCode::kUnavailable, options.folder + ": another process writes the queues without end; end it");
  }
  try {
    std::error_code unknown;
    const bool fresh = !std::filesystem::exists(path, unknown);
    std::unique_ptr<QueueFile> file(new QueueFile(path, options.vfs, *std::move(locks)));
    file->locked_ = true;
    sqlite::Database& database = file->database_;
    if (fresh) chmod(path.c_str(), 0600);  // messages are for this user alone; its log takes the mode over
    database.Execute("PRAGMA auto_vacuum=INCREMENTAL");
    if (database.Value("PRAGMA journal_mode=WAL") != "wal") {
      return Fail(ErrorCode::kInternal, database.path() + ": the file system cannot share memory, which the log needs");
    }
    database.Execute("PRAGMA synchronous=FULL; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY");
    if (auto made = prepare(database); !made) return std::unexpected(made.error());
    const int cause = options.sync_folder ? options.sync_folder(options.folder) : SyncFolder(options.folder);
    if (cause != 0) {
      return Fail(ErrorCode::kInternal, "cannot sync the folder " + options.folder + ": " + std::strerror(cause));
    }
    file->begin_ = std::make_unique<sqlite::Statement>(database, "BEGIN IMMEDIATE");
    file->commit_ = std::make_unique<sqlite::Statement>(database, "COMMIT");
    file->data_version_ = std::make_unique<sqlite::Statement>(database, "PRAGMA data_version");
    const auto hook = [](void* self, sqlite3*, const char*, int frames) {
      auto& of = *static_cast<QueueFile*>(self);
      if (frames <= of.frames_) of.moved_ = 0;  // it began anew
      of.frames_ = frames;
      return SQLITE_OK;
    };
    sqlite3_wal_hook(database.handle(), hook, file.get());
    file->locks_.UnlockWriting();
    file->locked_ = false;
    return file;
  } catch (const SqliteFailure& failure) {
    return std::unexpected(OpenFailure(failure));
  }
}

void QueueFile::Begin() {
  if (!locks_.LockWriting(kMostWait)) {
    throw SqliteFailure(SQLITE_BUSY, database_.path() + ": another process writes the queues without end; end it");
  }
  locked_ = true;
  try {
    begin_->Execute();
  } catch (...) {
    Rollback();
    throw;
  }
}

void QueueFile::Commit() {
  committing_ = true;
  commit_->Execute();
  committing_ = false;
}

void QueueFile::Tidy() {
  try {
    if (frames_ - moved_ >= kMoveAt) Move(frames_ >= kEmptyAt ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  } catch (...) {
    Rollback();
    throw;
  }
  Rollback();
}

void QueueFile::Rollback() noexcept {
  committing_ = false;
  database_.Rollback();
  if (std::exchange(locked_, false)) locks_.UnlockWriting();
}

bool QueueFile::OthersWrote() {
  const std::int64_t version = data_version_->Number().value_or(0);
  return std::exchange(seen_version_, version) != version;
}

bool QueueFile::Stale() { return data_version_->Number().value_or(0) != seen_version_; }

void QueueFile::Checkpoint(bool empty) {
  if (!locks_.LockWriting(kMostWait)) return;
  locked_ = true;
  try {
    Move(empty ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  } catch (...) {
    Rollback();
    throw;
  }
  Rollback();
}

// REQUIRES: the lock is held.
void QueueFile::Move(int mode) {
  int frames = 0;
  int moved = 0;
  sqlite3_busy_timeout(database_.handle(), 50);  // those who read hold the log for a moment only
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), "main", mode, &frames, &moved);
  sqlite3_busy_timeout(database_.handle(), 5'000);
  if (code != SQLITE_OK && code != SQLITE_BUSY) database_.ThrowLast(code);
  if (mode == SQLITE_CHECKPOINT_TRUNCATE && code == SQLITE_OK) {
    frames_ = moved_ = 0;
  } else {
    moved_ = moved > 0 ? moved : 0;
  }
}

}  // namespace tidings::messaging::embedded
