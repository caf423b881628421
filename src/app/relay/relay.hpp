// Relay: publishes every event of the log, once it is durable, to the queue: the outbox whose table is the log itself.
//
// It reads on from its checkpoint, publishes a page with confirms, and moves the checkpoint when all of it is confirmed:
// after a crash or a break a stretch is published again, never left out, and first copies come in the order of commits.
// A page that failed goes out again message by message, so that one which some queue goes on refusing is the only one
// that is repeated to the others meanwhile.
// A broker that is away costs nothing but a growing backlog: nothing of the chat waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <tidings/chat/reader.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/transport.hpp>

#include "log_pages.hpp"

namespace tidings::app {

// Thread-safe.
struct RelayStats {
  std::atomic<std::uint64_t> published{0};  // events confirmed, repeats too
  std::atomic<std::uint64_t> failures{0};   // pages that have to be published again
  std::atomic<std::uint64_t> damaged{0};    // events that could not be shown and were passed over
  std::atomic<chat::Position> position{0};  // everything up to here is confirmed
  std::atomic<Millis> waiting_since{0};     // when the oldest event that is not confirmed happened; 0: there is none
  std::atomic<bool> stuck{false};           // the last try failed
};

// Belongs to one serial executor.
class Relay {
 public:
  class Options {
   public:
    Options() = default;
    std::string source = "/tidings";  // CloudEvents source
    bool quorum_queue = false;        // what chat_messages is made as where it is missing
    std::chrono::milliseconds first_pause{100};
    std::chrono::milliseconds most_pause{5'000};
    std::chrono::milliseconds keep_every{500};  // between two checkpoints
  };
  // Keeps a checkpoint durably, soon; any thread may be told.
  using Keep = std::function<void(chat::Position)>;

  // REQUIRES: all of them outlive Run.
  Relay(Options options, messaging::Transport& transport, messaging::Timers& timers, chat::ReadPool& reads,
        const eventing::EventStore& store, Keep keep);

  // Publishes until Stop; the checkpoint is kept when it returns.
  messaging::Task<void> Run();
  // Ends Run at its next step. From the executor.
  void Stop();
  // There may be more to publish. From the executor.
  void Wake() { more_.NotifyAll(); }
  const RelayStats& stats() const { return stats_; }

  // The exchange and the queue of the contract.
  static messaging::Topology TopologyOf(bool quorum_queue);

 private:
  messaging::Task<void> Begin();
  messaging::Task<bool> PublishNext();
  // Moves on with each confirmed message.
  messaging::Task<Status> PublishOneByOne(LogPage& page);
  // Everything of the page up to there is confirmed, or cannot be shown.
  void Passed(const LogPage& page, chat::Position upto);
  messaging::Task<void> Failed(const Error& error, std::string_view doing);
  // Not more often than Options::keep_every, unless it must be now.
  void KeepPosition(bool now);

  const Options options_;
  messaging::Transport& transport_;
  messaging::Timers& timers_;
  const eventing::EventStore& store_;
  LogPages pages_;
  Keep keep_;
  messaging::Signal more_;
  RelayStats stats_;
  chat::Position position_ = 0;
  chat::Position kept_ = 0;
  chat::Position tried_ = 0;  // what an attempt that failed may have brought to some queues
  Millis kept_at_ = 0;
  std::chrono::milliseconds pause_;
  Millis told_at_ = 0;
  bool declared_ = false;
  bool stopping_ = false;
};

}  // namespace tidings::app
