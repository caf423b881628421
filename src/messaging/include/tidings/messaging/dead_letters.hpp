// DeadLetters: what an operator does with dead letters, on every transport.
//
//   DeadLetters dead(transport, timers);
//   Result<std::vector<DeadQueue>> queues = co_await dead.List();
//   ReplayOptions options;
//   options.select.reason = "failed";
//   Result<ReplayReport> replayed = co_await dead.Replay("orders", options);
//
// `queue` is always the queue that they died in. Each call takes what it looks at as a consumer does, for a moment, and
// puts back what it does not want: run one at a time for a queue. Whatever moves is accepted at its new place before it
// leaves the old one, so that a crash between the two leaves it at both, with one id, and never at neither. A call holds at
// most 10,000 letters that it does not want, and ends there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class DeadQueue {
 public:
  DeadQueue(std::string queue_, std::uint64_t letters_) : queue(std::move(queue_)), letters(letters_) {}
  std::string queue;
  std::uint64_t letters;
};

// Which of a queue's dead letters; what is empty does not restrict.
class Selection {
 public:
  Selection() = default;
  std::vector<std::string> ids;
  std::string reason;  // header::kDeathReason
  std::size_t most = 10'000;

  bool Takes(const Message& letter) const;
};

class ReplayOptions {
 public:
  ReplayOptions() = default;
  Selection select;
  std::string to;           // a queue in place of the one they died in
  double per_second = 100;  // at most; 0 for no bound
  bool dry_run = false;     // counts, and moves nothing
};

class ReplayReport {
 public:
  std::uint64_t looked_at = 0;
  std::uint64_t selected = 0;
  std::uint64_t replayed = 0;
};

class DeadLetters {
 public:
  // What is purged is counted in `ledger`, if there is one. All outlive it.
  DeadLetters(Transport& transport, Timers& timers, LossLedger* ledger = nullptr)
      : transport_(transport), timers_(timers), ledger_(ledger) {}

  // Queues with dead letters, as far as Transport::Queues tells.
  Task<Result<std::vector<DeadQueue>>> List();
  // The oldest ones that are selected; they stay.
  Task<Result<std::vector<Message>>> Peek(std::string queue, Selection select = Selection());
  // Lets `change` edit the letter with this id; it goes behind the others. kNotFound if there is none. The id stays.
  Task<Status> Edit(std::string queue, std::string id, std::function<void(Message&)> change);
  // Sends them back to be handled, with no failures counted and nothing left of their death but how often they were
  // replayed (header::kReplays). Ends at the first error; the letter that it happened to stays.
  Task<Result<ReplayReport>> Replay(std::string queue, ReplayOptions options = ReplayOptions());
  // Drops them for good; returns how many.
  Task<Result<std::uint64_t>> Purge(std::string queue, Selection select = Selection());

 private:
  class Round;
  Transport& transport_;
  Timers& timers_;
  LossLedger* ledger_;
};

}  // namespace tidings::messaging
