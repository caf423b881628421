#include <tidings/eventing/group_commit.hpp>

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <utility>

namespace tidings::eventing {

namespace {

using SteadyClock = std::chrono::steady_clock;

std::chrono::microseconds Since(SteadyClock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - start);
}

// Whether units are answered before their commit, which is a deliberate fault.
bool AcksEarly(const GroupCommit::Options& options) {
#ifdef TIDINGS_FAULTS
  return options.ack_before_commit;
#else
  (void)options;
  return false;
#endif
}

const Status& Closing() {
  static const Status status = Fail(ErrorCode::kUnavailable, "the store is closing");
  return status;
}

}  // namespace

GroupCommit::GroupCommit(CommitBackend& backend, WakeList& wakes, Options options)
    : backend_(backend), wakes_(wakes), options_(options) {}

GroupCommit::~GroupCommit() { Close(); }

void GroupCommit::Start() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kNew) return;
  phase_ = Phase::kRunning;
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "tidings-writer");
}

void GroupCommit::Close() {
  Batch never_ran;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kNew) never_ran.swap(queue_);
    if (phase_ == Phase::kNew) phase_ = Phase::kClosed;
    if (phase_ == Phase::kRunning) phase_ = Phase::kClosing;
    wake_.notify_one();
  }
  for (const auto& unit : never_ran) unit->Done(Closing());
  if (thread_.joinable()) thread_.join();
}

void GroupCommit::Submit(std::unique_ptr<Unit> unit) {
  Batch one;
  one.push_back(std::move(unit));
  Submit(std::move(one));
}

void GroupCommit::Submit(Batch units) {
  std::unique_lock lock(mutex_);
  if (phase_ == Phase::kDead || units.empty()) return;
  const bool closing = phase_ == Phase::kClosing || phase_ == Phase::kClosed;
  const std::size_t room = closing ? 0 : options_.queue - std::min(options_.queue, queue_.size());
  const std::size_t taken = std::min(room, units.size());
  for (std::size_t i = 0; i < taken; ++i) queue_.push_back(std::move(units[i]));
  const bool wake = taken > 0 && std::exchange(waits_, false);  // once is enough
  lock.unlock();
  if (wake) wake_.notify_one();
  const Status refusal =
      closing ? Closing() : Fail(ErrorCode::kUnavailable, "the store has too much to do; try again shortly");
  for (std::size_t i = taken; i < units.size(); ++i) units[i]->Done(refusal);
}

void GroupCommit::Poke() {
  const std::lock_guard lock(mutex_);
  poked_ = true;
  wake_.notify_one();
}

std::size_t GroupCommit::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void GroupCommit::Loop() {
  Batch batch;
  std::optional<std::chrono::milliseconds> rest;
  while (Take(batch, rest)) {
    if (!batch.empty() && !RunBatch(batch)) return Die();
    batch.clear();
    rest = backend_.Rest(waiting() == 0);
    if (!backend_.Alive()) return Die();
  }
}

bool GroupCommit::Take(Batch& batch, std::optional<std::chrono::milliseconds> rest) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return !queue_.empty() || poked_ || phase_ == Phase::kClosing; };
  waits_ = true;
  if (rest) {
    wake_.wait_for(lock, *rest, something);
  } else {
    wake_.wait(lock, something);
  }
  waits_ = false;
  poked_ = false;
  if (queue_.empty()) {
    if (phase_ == Phase::kClosing) phase_ = Phase::kClosed;
    return phase_ != Phase::kClosed;
  }
  if (queue_.size() <= options_.batch) {
    batch.swap(queue_);
  } else {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(options_.batch);
    batch.assign(std::move_iterator(queue_.begin()), std::move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  return true;
}

bool GroupCommit::RunBatch(Batch& batch) {
  BatchReport report;
  report.units = batch.size();
  if (const Status admitted = backend_.Admit(); !admitted) {
    backend_.Report(report);
    return Refuse(batch, admitted);
  }
  report.ran = true;
  const auto start = SteadyClock::now();
  bool ran = false;
  std::optional<Error> failure;
  try {
    ran = Run(batch, report);
  } catch (...) {
    failure = backend_.Recover(std::current_exception());
    if (!failure) return false;
  }
  report.all = Since(start);
  report.committed = ran;
  backend_.Report(report);
  if (failure) {
    for (auto* listener : listeners_) listener->AfterRollback();
    const Status refusal = std::unexpected(*std::move(failure));
    return AcksEarly(options_) || Refuse(batch, refusal);
  }
  for (auto* listener : listeners_) listener->AfterCommit(report.wrote);
  if (!AcksEarly(options_)) {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->Done(outcomes_[i]);
  }
  for (auto* listener : listeners_) listener->AfterAnswers();
  if (report.wrote) wakes_.Wake(backend_.Head());
  return true;
}

bool GroupCommit::Run(Batch& batch, BatchReport& report) {
  Transaction& transaction = backend_.Begin();
  RunUnits(batch, transaction, report);
  for (auto* listener : listeners_) listener->BeforeCommit(transaction);
  if (AcksEarly(options_)) {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->Done(outcomes_[i]);
    // As on a slow disk, so that a kill falls between the two often enough for a test to see it.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const auto start = SteadyClock::now();
  report.wrote = backend_.Commit();
  report.commit = Since(start);
  return true;
}

bool GroupCommit::Refuse(Batch& batch, const Status& refusal) {
  const bool full = refusal.error().code() == ErrorCode::kStorageFull;
  for (const auto& unit : batch) {
    if (!full || !unit->MayOnlyRead()) {
      unit->Done(refusal);
      continue;
    }
    const auto outcome = RunAlone(*unit, refusal);
    if (!outcome) return false;
    unit->Done(*outcome);
  }
  for (auto* listener : listeners_) listener->AfterAnswers();
  return backend_.Alive();
}

std::optional<Status> GroupCommit::RunAlone(Unit& unit, const Status& refusal) {
  try {
    Transaction& transaction = backend_.Begin();
    const std::uint64_t before = backend_.Writes();
    Status outcome = unit.Run(transaction);
    for (auto* listener : listeners_) listener->BeforeCommit(transaction);
    if (backend_.Writes() != before) throw StoreFailure(refusal.error());
    backend_.Commit();
    for (auto* listener : listeners_) listener->AfterCommit(false);
    return outcome;
  } catch (...) {
    if (!backend_.Recover(std::current_exception())) return std::nullopt;
  }
  for (auto* listener : listeners_) listener->AfterRollback();
  return refusal;
}

void GroupCommit::RunUnits(Batch& batch, Transaction& transaction, BatchReport& report) {
  outcomes_.clear();
  for (const auto& unit : batch) {
    const std::uint64_t before = backend_.Writes();
    outcomes_.push_back(unit->Run(transaction));
    if (outcomes_.back()) continue;
    ++report.refused;
    if (backend_.Writes() != before) {
      throw std::logic_error("a unit wrote and then returned an error: " + outcomes_.back().error().message());
    }
  }
}

void GroupCommit::Die() {
  Batch unanswered;
  const std::lock_guard lock(mutex_);
  phase_ = Phase::kDead;
  unanswered.swap(queue_);
}

}  // namespace tidings::eventing
