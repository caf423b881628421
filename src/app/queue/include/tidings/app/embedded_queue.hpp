// EmbeddedQueue: the chat's queue inside `tidings serve`, on a thread of its own, with whoever works on it there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  virtual QueueStart start() const { return QueueStart::kOpening; }
  // Declares, subscribes and begins. Both outlive Stop. An error is logged, and tried again later unless it is kInvalid.
  virtual messaging::Task<Status> Start(messaging::Transport& transport, messaging::Timers& timers) = 0;
  // Finishes what it is at, within the deadline. Called once, also if Start failed.
  virtual messaging::Task<void> Stop(std::chrono::milliseconds deadline) = 0;
};

// What came of a piece of moving.
class BridgePiece {
 public:
  BridgePiece() = default;
  std::uint64_t moved = 0;
  bool whole = false;   // nothing was left
  std::string left;     // in words, as far as it looked
  bool busy = false;    // another piece is under way; nothing was done
  std::string trouble;  // why it ended early, of what may pass by trying again; empty if it did not
};

// Where programs outside the server take from its queues, as if it were RabbitMQ: see messaging/rabbitmq/amqp_server.hpp.
class AmqpDoor {
 public:
  AmqpDoor() = default;
  std::string address = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 0;             // 0: one that is free
  std::string password;               // of the user `tidings`
  std::string version;                // of the server, told to clients
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
  // Listens for AMQP clients, which are let in once the queues are open. kInvalid, kUnavailable: not at this address.
  // REQUIRES: before Start, once.
  Status Listen(const AmqpDoor& door);
  // Where it listens; 0: nowhere.
  std::uint16_t amqp_port() const;
  // Connected AMQP clients; nothing where it does not listen.
  std::optional<std::size_t> amqp_clients() const;
  // Opens the queues, declares the contract's exchange and queue, and starts the residents.
  void Start();
  // Until each resident has started, or failed to once, so that its queues are on disk before anything happens that belongs in
  // them; no longer than `within`.
  void AwaitStarts(std::chrono::milliseconds within = std::chrono::seconds(3));
  // Stops the residents and saves. Ends within `within`. REQUIRES: the store still takes commits.
  void Stop(std::chrono::milliseconds within = std::chrono::seconds(5));

  // Runs on the queue's thread, with a transport of its own that ends with it. False if it is not running.
  using Work = std::function<messaging::Task<void>(messaging::Transport&, messaging::Timers&)>;
  bool Run(Work work);
  // For work that is to outlast a kill as soon as its end is told: what it settled is on disk. On the queue's thread.
  messaging::Task<Status> Save();

  // Moves what waits in the queues to the transport at `to`, for some seconds, each message accepted there before it is
  // acknowledged here; a queue that has consumers is left to them. When nothing is left, the relay of this store goes on from
  // there, should the server be started with a broker. `done` is called on the queue's thread, with an error if trying again
  // is of no use. False if it is not running.
  using Moved = std::function<void(const Result<BridgePiece>&)>;
  bool MoveTo(std::string to, Moved done);

  // What vanished by right, by cause.
  messaging::LossLedger& ledger();
  // As of the last second; empty before the queues are open.
  std::vector<LogQueueDepth> Depths() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::app
