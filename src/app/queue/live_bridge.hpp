// LiveBridge: moves the embedded queues to another transport while their server goes on, a piece at each call, so that
// nothing is under way when whoever asks for the pieces is gone.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <tidings/app/bridge.hpp>
#include <tidings/app/embedded_queue.hpp>
#include <tidings/messaging/signal.hpp>

namespace tidings::app {

// Belongs to the broker's executor.
class LiveBridge {
 public:
  // REQUIRES: all of them outlive it.
  LiveBridge(messaging::Executor executor, LogBroker& broker, messaging::Timers& timers, messaging::LossLedger& ledger,
             LogSources sources);

  // See EmbeddedQueue::MoveTo. An error that does not pass by trying again: kInvalid, kTooLarge, kNotFound.
  messaging::Task<Result<BridgePiece>> Move(std::string to);
  // Ends a piece that is under way; waits for that no longer than `within`. Nothing is moved after it.
  messaging::Task<void> Stop(std::chrono::milliseconds within);

 private:
  messaging::Task<Status> Run(const std::string& to, BridgePiece& piece);

  messaging::Executor executor_;
  LogBroker& broker_;
  messaging::Timers& timers_;
  messaging::LossLedger& ledger_;
  LogSources sources_;
  messaging::Signal ended_;
  // Of the piece that is under way. Here, not in its coroutine, which may be dropped later than what they stand on.
  std::unique_ptr<messaging::Transport> target_;
  std::unique_ptr<Bridge> bridge_;
  bool running_ = false;
  bool stopping_ = false;
  chat::Position kept_ = 0;
};

}  // namespace tidings::app
