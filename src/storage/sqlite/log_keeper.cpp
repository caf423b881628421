#include "log_keeper.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace tidings::sqlite {

namespace {

// Readers hold the log for a page of rows; one that holds it longer is not waited for.
constexpr int kWaitForReaders = 50;  // milliseconds
constexpr int kBusyTimeout = 5'000;  // milliseconds, for all else
constexpr std::uint64_t kFrameHeaderBytes = 24;

}  // namespace

LogKeeper::LogKeeper(Database& database, const SqliteEventStore::Options& options, Stats& stats)
    : database_(database),
      stats_(stats),
      page_size_(static_cast<int>(database.Number("PRAGMA page_size"))),
      soft_(options.checkpoint_pages),
      wait_(options.checkpoint_wait_pages),
      most_(options.wal_most_pages),
      after_(options.checkpoint_after),
      next_(options.checkpoint_pages) {
  const auto hook = [](void* self, sqlite3*, const char*, int frames) {
    static_cast<LogKeeper*>(self)->OnCommit(frames);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(database_.handle(), hook, this);
}

LogKeeper::~LogKeeper() { sqlite3_wal_hook(database_.handle(), nullptr, nullptr); }

void LogKeeper::OnCommit(int frames) {
  if (frames <= frames_) {  // it began anew
    moved_ = 0;
    next_ = soft_;
  }
  frames_ = frames;
  peak_ = std::max(peak_, frames);
  touched_ = Clock::now();
  Count();
}

std::optional<std::chrono::milliseconds> LogKeeper::Rest(bool idle) {
  const auto now = Clock::now();
  const bool due = touched_ + after_ <= now;
  const bool scrub_due = scrub_ && *scrub_ + after_ <= now;
  if (frames_ >= next_) {
    Checkpoint(frames_ >= wait_ || scrub_ ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  } else if (scrub_due || (due && Overfull())) {
    Checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
  } else if (idle && due && after_.count() > 0 && moved_ < frames_) {
    Checkpoint(scrub_ ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  }
  if (!scrub_ && !Overfull() && (after_.count() == 0 || moved_ == frames_)) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>((scrub_ ? *scrub_ : touched_) + after_ - Clock::now());
  return std::clamp(left, std::chrono::milliseconds(1), std::chrono::milliseconds(1'000));
}

void LogKeeper::ScrubSoon() {
  if (!scrub_) scrub_ = Clock::now();
}

bool LogKeeper::Truncate() { return Checkpoint(SQLITE_CHECKPOINT_TRUNCATE); }

bool LogKeeper::Checkpoint(int mode) {
  const auto start = Clock::now();
  int frames = 0;
  int moved = 0;
  sqlite3_busy_timeout(database_.handle(), kWaitForReaders);
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), "main", mode, &frames, &moved);
  sqlite3_busy_timeout(database_.handle(), kBusyTimeout);
  if (code != SQLITE_OK && code != SQLITE_BUSY) database_.ThrowLast(code);
  const auto end = Clock::now();
  stats_.checkpoints.fetch_add(1, std::memory_order_relaxed);
  stats_.checkpoint_micros.Add(
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(end - start).count()));

  touched_ = end;
  const bool emptied = mode == SQLITE_CHECKPOINT_TRUNCATE && code == SQLITE_OK;
  if (emptied) {
    frames_ = moved_ = peak_ = 0;
    next_ = soft_;
    scrub_.reset();
  } else {
    moved_ = std::max(moved, 0);
    // The next commit begins the log anew unless a reader is in it; then this is tried again after a while.
    next_ = frames_ + std::max(soft_ / 4, 1);
    if (scrub_) scrub_ = end;
    if (moved_ < frames_ || code == SQLITE_BUSY) stats_.checkpoints_held.fetch_add(1, std::memory_order_relaxed);
  }
  Count();
  return emptied || moved_ >= frames_;
}

void LogKeeper::Count() {
  const auto frame = static_cast<std::uint64_t>(page_size_) + kFrameHeaderBytes;
  stats_.wal_bytes.store(static_cast<std::uint64_t>(std::max(frames_ - moved_, 0)) * frame, std::memory_order_relaxed);
  stats_.wal_file_bytes.store(static_cast<std::uint64_t>(peak_) * frame, std::memory_order_relaxed);
}

}  // namespace tidings::sqlite
