#include "worker.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include <tidings/base/log.hpp>
#include <tidings/base/log_thread.hpp>

namespace tidings::messaging::embedded {
namespace {

using sqlite::SqliteFailure;
using Cause = SqliteFailure::Cause;

// How often dead owners are looked for while somebody waits; otherwise with the idle work, every second.
constexpr std::chrono::milliseconds kLookEvery{100};
constexpr std::chrono::milliseconds kIdle{1'000};
// Free pages that are given back to the file system at a time.
constexpr std::int64_t kVacuumPages = 2'000;

[[noreturn]] void EndProcess(const std::string& line) {
  log::LastWords(line);
  std::_Exit(70);
}

bool Heals(Cause cause) { return cause == Cause::kFull || cause == Cause::kBusy; }

}  // namespace

Worker::Worker(std::unique_ptr<QueueFile> file, std::unique_ptr<Desk> desk, Options options, Deliver deliver)
    : file_(std::move(file)), desk_(std::move(desk)), options_(std::move(options)), deliver_(std::move(deliver)) {
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "tidings-queues");
}

Worker::~Worker() { Close(); }

std::optional<std::pair<std::unique_ptr<Job>, Error>> Worker::Submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return std::pair(std::move(job), Error(ErrorCode::kUnavailable, "refused: the transport is closed"));
    if (queue_.size() >= options_.most_waiting && !job->essential()) {
      return std::pair(std::move(job),
                       Error(ErrorCode::kUnavailable, "refused: " + std::to_string(queue_.size()) +
                                                          " calls wait for the disk; try again shortly"));
    }
    queue_.push_back(std::move(job));
    if (!std::exchange(waits_, false)) return std::nullopt;
  }
  wake_.notify_one();
  return std::nullopt;
}

void Worker::Poke() {
  const std::lock_guard lock(mutex_);
  poked_ = true;
  wake_.notify_one();
}

void Worker::Close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Worker::Loop() {
  Jobs batch;
  while (Take(batch)) RunBatch(std::exchange(batch, Jobs()));
  Finish();
}

// False once it is closing and nothing waits. The batch may be empty: there is something to do by itself.
bool Worker::Take(Jobs& batch) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return !queue_.empty() || poked_ || closing_; };
  while (!something()) {
    auto timeout = kIdle;
    if (!dead_ && desk_->Watches()) timeout = options_.poll_every;
    if (!stalled_.empty()) timeout = std::min(timeout, options_.probe_every);
    waits_ = true;
    wake_.wait_for(lock, timeout, something);
    waits_ = false;
    if (something()) break;
    lock.unlock();
    if (SomethingByItself()) return true;
    lock.lock();
  }
  if (queue_.empty()) return std::exchange(poked_, false) && !closing_;
  poked_ = false;
  if (queue_.size() <= options_.batch) {
    batch.swap(queue_);
  } else {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(options_.batch);
    batch.assign(std::move_iterator(queue_.begin()), std::move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  last_job_ = Clock::now();
  return true;
}

bool Worker::SomethingByItself() {
  if (dead_) return false;
  const auto now = Clock::now();
  try {
    if (!stalled_.empty()) return now >= next_probe_;
    if (desk_->Watches() && file_->Stale()) return true;
    if (now >= next_look_) {
      next_look_ = now + kLookEvery;
      if (desk_->WantsToRun()) return true;
    }
    if (now >= last_job_ + kIdle) TidyIdle();
  } catch (const SqliteFailure& failure) {
    Failed(failure, Jobs());
  }
  return false;
}

void Worker::TidyIdle() {
  last_job_ = Clock::now();
  if (file_->database().Number("PRAGMA freelist_count") > kVacuumPages / 4) {
    file_->Begin();
    file_->database().Execute("PRAGMA incremental_vacuum(" + std::to_string(kVacuumPages) + ")");
    file_->Commit();
    file_->Tidy();
  }
  if (file_->unmoved() > 0) file_->Checkpoint(false);
}

void Worker::RunBatch(Jobs batch) {
  if (dead_) return RefuseAll(std::move(batch), *dead_, false);
  // What had no room goes first, alone: it may be what makes room.
  if (!stalled_.empty() && (Clock::now() >= next_probe_ || !batch.empty())) {
    Jobs stalled = std::exchange(stalled_, Jobs());
    try {
      Transact(stalled, false);
      log::Info("queues_recovered", {{"file", file_->database().path()}});
    } catch (const SqliteFailure& failure) {
      Failed(failure, std::move(stalled));
      if (dead_) return RefuseAll(std::move(batch), *dead_, false);
    }
  }
  try {
    Transact(batch, true);
  } catch (const SqliteFailure& failure) {
    Failed(failure, std::move(batch));
  }
}

void Worker::Transact(Jobs& batch, bool feed) {
  file_->Begin();
  desk_->Begin();
  for (const auto& job : batch) job->Run(*desk_);
  desk_->Finish(feed);
  file_->Commit();
  commits_.fetch_add(1, std::memory_order_relaxed);
  deliver_(std::exchange(batch, Jobs()), desk_->TakeOutbox());
  try {
    file_->Tidy();
  } catch (const SqliteFailure& failure) {
    // The batch is in the log, and stays there.
    if (!Heals(failure.cause())) throw;
  }
}

void Worker::Failed(const SqliteFailure& failure, Jobs batch) {
  const bool in_commit = file_->committing();
  file_->Rollback();
  desk_->RolledBack();
  const Error& error = failure.error();
  const Cause cause = failure.cause();
  if (cause == Cause::kIo || cause == Cause::kDamaged || (in_commit && !Heals(cause))) {
    End(error.message() + (cause == Cause::kDamaged ? "; restore the file from a backup" : ""));
    return RefuseAll(std::move(batch), *dead_, false);
  }
  log::Err("queues_refused", {{"reason", error.message()}});
  if (!Heals(cause)) return RefuseAll(std::move(batch), error, false);
  next_probe_ = Clock::now() + options_.probe_every;
  if (cause == Cause::kFull) {
    try {
      file_->Checkpoint(true);  // what the log holds twice makes room
    } catch (const SqliteFailure& again) {
      file_->Rollback();
      if (!Heals(again.cause())) {
        End(again.error().message());
        return RefuseAll(std::move(batch), *dead_, false);
      }
    }
  }
  const std::string advice =
      cause == Cause::kFull ? "; make room on the disk" : "; another program holds the file: end it";
  RefuseAll(std::move(batch), Error(ErrorCode::kUnavailable, "refused: " + error.message() + advice), true);
}

void Worker::RefuseAll(Jobs batch, const Error& error, bool keep_essential) {
  Jobs refused;
  for (auto& job : batch) {
    if (keep_essential && job->essential()) {
      stalled_.push_back(std::move(job));
    } else {
      job->Refuse(error);
      refused.push_back(std::move(job));
    }
  }
  if (!refused.empty()) deliver_(std::move(refused), Outbox());
}

void Worker::End(const std::string& what) {
  dead_.emplace(ErrorCode::kInternal, "the queues failed for good, and whether this was done is unknown: " + what);
  const std::string line = "tidings: " + what +
                           "; what was waiting for this commit is not answered, and the queues recover when they are "
                           "opened again";
  if (options_.fatal) {
    options_.fatal(line);
  } else {
    EndProcess(line);
  }
  RefuseAll(std::exchange(stalled_, Jobs()), *dead_, false);
}

void Worker::Finish() {
  if (!stalled_.empty() && !dead_) {
    next_probe_ = {};
    RunBatch(Jobs());
  }
  RefuseAll(std::exchange(stalled_, Jobs()), Error(ErrorCode::kUnavailable, "the transport closed"), false);
  if (dead_) return;
  try {
    file_->Begin();
    desk_->Begin();
    desk_->Leave();
    file_->Commit();
    file_->Tidy();
    file_->Checkpoint(true);
  } catch (const SqliteFailure& failure) {
    // Others find this owner dead, and the log is read when the file is opened again.
    file_->Rollback();
    log::Warning("queues_not_tidied", {{"reason", failure.error().message()}});
  }
}

}  // namespace tidings::messaging::embedded
