// OutboxCore: the forwarder of an outbox, on the executor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/signal.hpp>

#include "inbox_core.hpp"
#include "lock_file.hpp"
#include "outbox_round.hpp"

namespace tidings::messaging::embedded {

class OutboxCore : public std::enable_shared_from_this<OutboxCore> {
 public:
  // Lanes that wait; past it nothing new is read.
  static constexpr std::size_t kMostWaiting = 256;

  OutboxCore(std::shared_ptr<InboxCore> inbox, Timers& timers, const OutboxOptions& options);

  Task<Status> Run(Transport& transport);
  Task<void> Stop();
  void BeginStop();
  void Wake();

  // A transaction of the inbox's. Resumes when it is durable.
  Task<Status> Transact(SqliteUnit::Effect effect);
  const OutboxOptions& options() const { return options_; }
  const OutboxStats& stats() const { return stats_; }
  Millis Now() const { return timers_.Now(); }

 private:
  // Rows that are published one after the other: of one key, or a single one.
  using Work = std::vector<OutboxRow>;
  // What is under way; it outlives a Stop that does not wait any longer.
  class Batch {
   public:
    explicit Batch(Executor executor) : done(std::move(executor)) {}
    std::deque<Work> works;
    std::size_t running = 0;
    bool over = false;  // nobody asks for its outcomes any more
    Signal done;
  };
  // One that is tried again later.
  class Lane {
   public:
    Millis due = 0;            // by the steady clock
    std::uint32_t pauses = 0;  // so far; 0: it was taken, and the rest of it follows
    bool refused = false;      // what it waits for is a route
    bool keyed = false;
  };
  class LaneOutcome {
   public:
    bool accepted = false;
    bool failed = false;
    bool refused = false;
    bool keyed = false;
  };

  using Outcome = std::optional<Status>;  // of a Run
  class Leaving;

  static Task<Status> Loop(std::shared_ptr<OutboxCore> self, Transport& transport);
  static Task<void> Publish(std::shared_ptr<OutboxCore> self, std::shared_ptr<Batch> batch, Transport& transport);
  Result<bool> TakeTurn();
  void GiveTurn();
  Task<Status> RunRound(std::shared_ptr<OutboxRound> round);
  std::shared_ptr<OutboxRound> NextRound();
  void Settled(const OutboxRound& round);
  Task<void> Forward(Transport& transport, std::vector<OutboxRow> rows);
  // Whether what lies behind it in its lane may follow now.
  bool Note(const OutboxRow& row, const Status& published);
  void PauseLanes();
  std::chrono::milliseconds Pause(std::uint32_t pauses) const;
  std::chrono::milliseconds UntilDue() const;
  Task<void> Wait(std::chrono::milliseconds most);

  std::shared_ptr<InboxCore> inbox_;
  Timers& timers_;
  OutboxOptions options_;
  OutboxStats stats_;
  Signal wake_;
  Signal changed_;
  bool woken_ = false;
  bool running_ = false;
  bool stopping_ = false;
  std::shared_ptr<Batch> batch_;   // under way
  std::optional<LockFile> locks_;  // held: this one forwards

  std::int64_t cursor_ = 0;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, LaneOutcome> outcomes_;  // of the batch
  // Of what was published and is not settled yet.
  std::vector<std::int64_t> accepted_;
  std::vector<OutboxFailure> failures_;
};

}  // namespace tidings::messaging::embedded
