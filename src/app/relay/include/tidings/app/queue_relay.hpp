// QueueRelay: the log's way to RabbitMQ, on a thread of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/messaging/loss_ledger.hpp>

namespace tidings::app {

class QueueRelayOptions {
 public:
  std::string url;            // amqp://user:password@host:port/vhost
  bool quorum_queue = false;  // what chat_messages is made as where it is missing
};

// What of the log is not with the broker yet.
struct QueueBacklog {
  std::uint64_t events = 0;     // behind the log's head
  Millis oldest_at = 0;         // when the oldest of them happened; 0: none waits
  std::uint64_t published = 0;  // since the start, repeats too
  std::uint64_t failures = 0;   // pages published again
  std::uint64_t damaged = 0;    // events that could not be shown
  bool stuck = false;           // the last try failed; it goes on trying
};

// Thread-safe.
class QueueRelay {
 public:
  // kInvalid: the URL is none. REQUIRES: all of them outlive it.
  static Result<std::unique_ptr<QueueRelay>> Make(const QueueRelayOptions& options, eventing::EventStore& store,
                                                  chat::ReadPool& reads, chat::Engine& engine);
  ~QueueRelay();

  // Starts to publish, from where it was. The broker need not be there.
  void Start();
  // Ends within two seconds, whatever the broker does; what was confirmed is kept if the store still takes commits.
  void Stop();
  QueueBacklog Backlog() const;
  // What was lost on the way by right.
  const messaging::LossLedger& ledger() const;

 private:
  class State;
  explicit QueueRelay(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidings::app
