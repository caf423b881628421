// Requester: sends requests and waits for their replies.
//
//   Requester requester(transport, timers);
//   Status started = co_await requester.Start();
//   Message question("sum", "[1,2]");
//   Result<Message> reply = co_await requester.Request(Address::Queue("calculator"), std::move(question), 2s);
//
// Replies are told apart by their causation id, or by their correlation id for a responder that knows only that one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class RequesterOptions {
 public:
  RequesterOptions() = default;
  // Empty: a queue of its own that is gone with the connection. Named: one that stays, declared if it is missing; several
  // requesters may share it, and then a reply that is not this one's goes back for the others for a while.
  std::string reply_queue;
  // Requests that may wait for their replies; one more is refused with kUnavailable.
  std::size_t in_flight = 1'024;
  // Counts replies that nobody waited for, if it is given; outlives the requester and its transport.
  LossLedger* ledger = nullptr;
};

class RequesterStats {
 public:
  std::uint64_t replies = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t late = 0;       // came when nobody waited any longer
  std::uint64_t unknown = 0;    // to no request of this requester, as far as it remembers
  std::uint64_t passed_on = 0;  // put back into a shared queue for another requester
};

class Requester {
 public:
  // Both outlive it.
  Requester(Transport& transport, Timers& timers, RequesterOptions options = RequesterOptions());
  // Ends every Request that waits. The reply queue is listened to until the transport closes, unless Stop was awaited.
  ~Requester();
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  // Declares the reply queue and listens to it. REQUIRES: before the first Request.
  Task<Status> Start();
  // kTimeout if no reply came; kUnavailable if too many wait, or it was stopped; what Publish says if the request was not
  // accepted; the responder's error, if it answered with one. The request bears its deadline, so that responders may drop
  // it when it is over.
  Task<Result<Message>> Request(Address to, Message request, std::chrono::milliseconds timeout);
  // Ends every Request that waits.
  Task<void> Stop();

  const RequesterStats& stats() const;
  const std::string& reply_queue() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace tidings::messaging
