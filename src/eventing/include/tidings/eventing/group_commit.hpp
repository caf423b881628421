// GroupCommit: the thread and the queue behind an EventStore. Units that wait together share one commit; a commit
// never waits for more units.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/eventing/wake_list.hpp>

namespace tidings::eventing {

// What a batch cost.
class BatchReport {
 public:
  std::size_t units = 0;
  std::size_t refused = 0;  // by themselves
  bool ran = false;         // false: turned away
  bool committed = false;
  bool wrote = false;
  std::chrono::microseconds commit{0};
  std::chrono::microseconds all{0};
};

// The store under a GroupCommit. All calls are made on its thread.
class CommitBackend {
 public:
  virtual ~CommitBackend() = default;
  // An error turns a batch away before it runs.
  virtual Status Admit() { return {}; }
  virtual Transaction& Begin() = 0;
  // Grows with each write, so that a unit which wrote and then returned an error is found out.
  virtual std::uint64_t Writes() const = 0;
  // The batch is durable and visible when this returns. True if something was written.
  virtual bool Commit() = 0;
  // Begin, a unit, a listener or Commit threw this: rolls back and says what the batch is told. Nothing if the outcome
  // is unknown: nobody is answered then, and the thread ends.
  virtual std::optional<Error> Recover(std::exception_ptr failure) = 0;
  virtual Position Head() const = 0;
  // Between batches; `idle` if no unit waits. Says after which time to be called again although nothing has come.
  virtual std::optional<std::chrono::milliseconds> Rest(bool idle) {
    (void)idle;
    return std::nullopt;
  }
  // False once the backend can go on no more: the thread ends as above.
  virtual bool Alive() const { return true; }
  virtual void Report(const BatchReport& report) { (void)report; }
};

// Thread-safe but for Start and Close.
class GroupCommit {
 public:
  class Options {
   public:
    std::size_t queue = 16'384;      // units that wait
    std::size_t batch = 1'024;       // units in a commit
    bool ack_before_commit = false;  // a deliberate fault: Done comes before the commit (TIDINGS_FAULTS builds only)
  };

  // REQUIRES: `backend` and `wakes` outlive it.
  GroupCommit(CommitBackend& backend, WakeList& wakes, Options options);
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // REQUIRES: before Start.
  void AddListener(CommitListener& listener) { listeners_.push_back(&listener); }
  void Start();
  // Takes no more units, runs those that wait (turns them away if it was never started), ends the thread.
  // REQUIRES: not on the writer's thread.
  void Close();

  // See EventStore::Submit.
  void Submit(std::unique_ptr<Unit> unit);
  // The same for many: they share a commit, as long as they are not more than fit into one.
  void Submit(std::vector<std::unique_ptr<Unit>> units);
  // Has Rest called soon.
  void Poke();
  std::size_t waiting() const;

 private:
  using Batch = std::vector<std::unique_ptr<Unit>>;
  enum class Phase { kNew, kRunning, kClosing, kClosed, kDead };

  void Loop();
  // False if the thread shall end.
  bool Take(Batch& batch, std::optional<std::chrono::milliseconds> rest);
  bool RunBatch(Batch& batch);
  bool Run(Batch& batch, BatchReport& report);
  // While commits are refused: answers with `refusal`, and runs what only reads. False if the thread shall end.
  bool Refuse(Batch& batch, const Status& refusal);
  // What the unit is answered; nothing if its outcome is unknown.
  std::optional<Status> RunAlone(Unit& unit, const Status& refusal);
  void RunUnits(Batch& batch, Transaction& transaction, BatchReport& report);
  void Die();

  CommitBackend& backend_;
  WakeList& wakes_;
  const Options options_;
  std::vector<CommitListener*> listeners_;
  std::vector<Status> outcomes_;  // of the batch that runs

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Batch queue_;
  Phase phase_ = Phase::kNew;
  bool waits_ = false;
  bool poked_ = false;

  std::thread thread_;
};

}  // namespace tidings::eventing
