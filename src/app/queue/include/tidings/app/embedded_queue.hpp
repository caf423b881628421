// EmbeddedQueue: the chat's queue inside `tidings serve`, on a thread of its own, with whoever works on it there.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/app/log_transport.hpp>

namespace tidings::app {

// Somebody who lives on the queue's thread: a worker. Its calls come on that thread.
class QueueResident {
 public:
  virtual ~QueueResident() = default;
  // Tells this one's transport from others in the log, and where its queues begin.
  virtual std::string name() const = 0;
  virtual QueueStart start() const { return QueueStart::kHead; }
  // Declares, subscribes and begins. Both outlive Stop. An error is logged, and tried again later unless it is kInvalid.
  virtual messaging::Task<Status> Start(messaging::Transport& transport, messaging::Timers& timers) = 0;
  // Finishes what it is at, within the deadline. Called once, also if Start failed.
  virtual messaging::Task<void> Stop(std::chrono::milliseconds deadline) = 0;
};

// Thread-safe.
class EmbeddedQueue {
 public:
  // REQUIRES: all of them outlive it.
  EmbeddedQueue(eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                LogBrokerOptions options = LogBrokerOptions());
  // As Stop.
  ~EmbeddedQueue();

  // REQUIRES: before Start.
  void Add(std::unique_ptr<QueueResident> resident);
  // Opens the queues, declares the contract's exchange and queue, and starts the residents.
  void Start();
  // Stops the residents and saves. Ends within `within`. REQUIRES: the store still takes commits.
  void Stop(std::chrono::milliseconds within = std::chrono::seconds(5));

  // Runs on the queue's thread, with a transport of its own that ends with it. False if it is not running.
  using Work = std::function<messaging::Task<void>(messaging::Transport&, messaging::Timers&)>;
  bool Run(Work work);

  // What vanished by right, by cause.
  messaging::LossLedger& ledger();
  // As of the last second; empty before the queues are open.
  std::vector<LogQueueDepth> Depths() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::app
