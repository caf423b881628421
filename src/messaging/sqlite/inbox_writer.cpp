#include "inbox_writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iterator>

#include <tidings/base/log.hpp>
#include <tidings/base/log_thread.hpp>

#include "inbox_rows.hpp"

namespace tidings::messaging::embedded {
namespace {

using sqlite::SqliteFailure;
using Cause = SqliteFailure::Cause;

// Units that share a transaction.
constexpr std::size_t kMostTogether = 512;
// For each record that is written so many old ones go, so that a table that was kept for too long shrinks.
constexpr std::size_t kOldPerNew = 2;
// How often those of keys that were silent for so long go: that reads them all.
constexpr std::chrono::hours kSweepEvery{1};

bool Heals(Cause cause) { return cause == Cause::kFull || cause == Cause::kBusy; }
// Of one unit's own making.
bool IsItsOwn(Cause cause) { return cause == Cause::kDefect || cause == Cause::kBadRow; }

}  // namespace

InboxWriter::InboxWriter(std::unique_ptr<QueueFile> file, const SqliteInbox::Options& options)
    : file_(std::move(file)), keep_(options.keep), most_waiting_(options.most_waiting), fatal_(options.fatal) {
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "tidings-inbox");
}

InboxWriter::~InboxWriter() { Close(); }

void InboxWriter::Submit(std::unique_ptr<InboxOrder> order) {
  InboxOrders refused;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      order->outcome = Fail(ErrorCode::kUnavailable, "refused: the inbox is closed");
    } else if (queue_.size() >= most_waiting_) {
      order->outcome = Fail(ErrorCode::kUnavailable, "refused: " + std::to_string(queue_.size()) +
                                                         " units wait for the disk; try again shortly");
    } else {
      queue_.push_back(std::move(order));
      wake_.notify_one();
      return;
    }
  }
  refused.push_back(std::move(order));
  Answer(std::move(refused));
}

void InboxWriter::Close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void InboxWriter::Loop() {
  for (;;) {
    InboxOrders batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !queue_.empty() || closing_; });
      if (queue_.empty()) break;
      const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMostTogether));
      batch.assign(std::move_iterator(queue_.begin()), std::move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    Run(std::move(batch));
  }
  if (dead_) return;
  try {
    file_->Checkpoint(true);
  } catch (const SqliteFailure& failure) {
    // The log is read when the file is opened again.
    log::Warning("inbox_not_tidied", {{"reason", failure.error().message()}});
  }
}

void InboxWriter::Run(InboxOrders batch) {
  if (dead_) return RefuseAll(std::move(batch), *dead_);
  try {
    Transact(batch);
  } catch (const SqliteFailure& failure) {
    Failed(failure, std::move(batch));
  }
}

void InboxWriter::Transact(InboxOrders& batch) {
  file_->Begin();
  auto& rows = file_->database().Slot<InboxRows>();
  std::size_t written = 0;
  Millis now = 0;
  for (const auto& order : batch) {
    order->outcome = RunUnit(*order);
    if (!order->outcome) continue;
    written += order->records.size();
    for (const InboxRecord& record : order->records) now = std::max(now, record.at);
  }
  if (written > 0 && keep_.count() > 0) {
    rows.Delete(now - keep_.count(), kOldPerNew * written);
    if (now - swept_ >= std::chrono::milliseconds(kSweepEvery).count()) {
      swept_ = now;
      rows.DeletePlaces(now - keep_.count());
    }
  }
  file_->Commit();
  commits_.fetch_add(1, std::memory_order_relaxed);
  Answer(std::exchange(batch, InboxOrders()));
  try {
    file_->Tidy();
  } catch (const SqliteFailure& failure) {
    // The batch is in the log, and stays there.
    if (!Heals(failure.cause())) throw;
  }
}

// Throws what is not the unit's own doing.
Status InboxWriter::RunUnit(InboxOrder& order) {
  sqlite::Database& database = file_->database();
  database.Execute("SAVEPOINT inbox_unit");
  Status outcome;
  try {
    outcome = Write(order);
  } catch (const SqliteFailure& failure) {
    if (!IsItsOwn(failure.cause()) || !database.InTransaction()) throw;
    outcome = std::unexpected(failure.error());
  } catch (const std::exception& thrown) {
    outcome = Fail(ErrorCode::kInternal, std::string("the effect threw: ") + thrown.what());
  }
  if (!database.InTransaction()) {
    throw SqliteFailure(21, database.path() + ": an effect ended the transaction that it is part of; it must not");
  }
  database.Execute(outcome ? "RELEASE inbox_unit" : "ROLLBACK TO inbox_unit; RELEASE inbox_unit");
  return outcome;
}

Status InboxWriter::Write(InboxOrder& order) {
  sqlite::Database& database = file_->database();
  auto& rows = database.Slot<InboxRows>();
  if (order.forget) {
    order.forgotten = rows.Delete(*order.forget, kMostForgotten);
    // There are as many as keys, and no index tells their age.
    if (order.forgotten < kMostForgotten) order.forgotten += rows.DeletePlaces(*order.forget);
    return {};
  }
  for (const InboxRecord& record : order.records) {
    if (rows.Insert(record.message_id, record.consumer, record.at)) continue;
    return Fail(ErrorCode::kConflict,
                "message " + record.message_id + " was handled by " + record.consumer + " elsewhere; nothing was done");
  }
  for (const InboxPlace& place : order.places) rows.Raise(place.consumer, place.sequence, place.number, place.at);
  for (auto& effect : order.effects) {
    if (Status done = effect(database); !done) return done;
  }
  return {};
}

void InboxWriter::Failed(const SqliteFailure& failure, InboxOrders batch) {
  const bool in_commit = file_->committing();
  file_->Rollback();
  const Error& error = failure.error();
  const Cause cause = failure.cause();
  if (cause == Cause::kIo || cause == Cause::kDamaged || (in_commit && !Heals(cause))) {
    End(error.message() + (cause == Cause::kDamaged ? "; restore the file from a backup" : ""));
    return RefuseAll(std::move(batch), *dead_);
  }
  log::Err("inbox_refused", {{"reason", error.message()}});
  if (!Heals(cause)) return RefuseAll(std::move(batch), error);
  if (cause == Cause::kFull) {
    try {
      file_->Checkpoint(true);  // what the log holds twice makes room
    } catch (const SqliteFailure& again) {
      file_->Rollback();
      if (!Heals(again.cause())) {
        End(again.error().message());
        return RefuseAll(std::move(batch), *dead_);
      }
    }
  }
  const std::string advice =
      cause == Cause::kFull ? "; make room on the disk" : "; another program holds the file: end it";
  RefuseAll(std::move(batch), Error(ErrorCode::kUnavailable, "refused: " + error.message() + advice));
}

void InboxWriter::End(const std::string& what) {
  dead_.emplace(ErrorCode::kInternal, "the inbox failed for good, and whether this was done is unknown: " + what);
  const std::string line =
      "tidings: " + what +
      "; what was waiting for this commit is not answered, and the inbox recovers when it is opened "
      "again";
  if (fatal_) return fatal_(line);
  log::LastWords(line);
  std::_Exit(70);
}

void InboxWriter::Answer(InboxOrders batch) {
  for (auto& order : batch) {
    auto done = std::move(order->done);
    done(std::move(order));
  }
}

void InboxWriter::RefuseAll(InboxOrders batch, const Error& error) {
  for (const auto& order : batch) order->outcome = std::unexpected(error);
  Answer(std::move(batch));
}

}  // namespace tidings::messaging::embedded
