// Bridge: moves queues from one transport to another without losing a message: each is accepted there before it is
// acknowledged here, with its id, its headers and its count of failures. Killed in between, it moves some of them again, with
// the same ids.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

class BridgeOptions {
 public:
  BridgeOptions() = default;
  std::vector<std::string> queues;  // empty: all that `from` tells, their dead letters too; RabbitMQ tells none
  messaging::Topology topology;     // declared at `to` before the queues, where more is known of them than their names
  std::uint16_t window = 256;       // messages of a queue under way at once
  bool drain = true;                // ends when all is moved; else it goes on until Stop
  // How long what is not due yet, or held by a consumer, is waited for before Run fails with what is left.
  std::chrono::milliseconds most_wait{120'000};
  std::chrono::milliseconds most_trouble{60'000};  // how long a target that does not accept is tried again
  // Run ends well after about so long, whatever is left then; 0: no bound. REQUIRES: `from` counts all that it holds.
  std::chrono::milliseconds turn{0};
  bool leave_consumed = false;  // a queue that has consumers is left to them, and waited for
};

// Belongs to the executor of both transports.
class Bridge {
 public:
  // REQUIRES: all outlive Run.
  Bridge(messaging::Transport& from, messaging::Transport& to, messaging::Timers& timers, BridgeOptions options)
      : from_(from), to_(to), timers_(timers), options_(std::move(options)) {}

  // Declares at `to` what is missing there, and moves. The first error that does not pass within a minute; kUnavailable if
  // messages are left that cannot be taken, as far as `from` counts them: RabbitMQ tells neither what consumers hold nor what
  // others delayed.
  messaging::Task<Status> Run();
  // Ends Run soon: what is not acknowledged yet stays where it is.
  void Stop() { stopping_ = true; }
  bool stopped() const { return stopping_; }
  std::uint64_t moved() const { return moved_; }
  // What was there at the last look of a Run that drains: empty if nothing was. Nothing if it did not come to look.
  const std::optional<std::string>& left() const { return left_; }

 private:
  messaging::Task<Status> Pass(const std::vector<std::string>& queues);
  messaging::Task<Status> Move(std::string queue);
  bool TimeIsUp() const { return until_ && timers_.Steady() >= *until_; }
  messaging::Task<Result<std::vector<messaging::Delivery>>> Take(const std::string& queue);
  // What is there and cannot be taken now, of all queues; empty if nothing is.
  messaging::Task<Result<std::string>> Left(const std::vector<std::string>& queues);
  messaging::Task<Status> Accept(const std::string& queue, std::vector<messaging::Delivery>& taken);

  messaging::Transport& from_;
  messaging::Transport& to_;
  messaging::Timers& timers_;
  const BridgeOptions options_;
  bool stopping_ = false;
  std::uint64_t moved_ = 0;
  std::optional<std::string> left_;
  std::optional<Millis> until_;
};

}  // namespace tidings::app
