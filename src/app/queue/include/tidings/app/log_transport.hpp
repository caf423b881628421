// LogTransport: the chat's queue without a broker. Its exchange `tidings.events` is the server's log, and a queue that is
// bound to it is a cursor over the log: no copy is made of what happened, only what is out of order is noted.
//
//   LogBroker broker(executor, timers, ledger, sources);
//   if (Status opened = co_await broker.Open(); !opened) return opened;
//   LogTransport transport(broker);
//   Topology topology;
//   topology.AddExchange("tidings.events", ExchangeKind::kTopic);
//   topology.AddQueue("archive").Bind("tidings.events", "archive", "message.*");
//   auto declared = co_await transport.Declare(topology);
//
// Messages are those that the relay publishes to RabbitMQ, byte for byte, and arrive in the order of commits. Other exchanges
// and messages sent straight to a queue work too; these are kept whole, beside the cursors.
//
// At least once: settling a delivery waits for no disk. What was settled is saved soon (LogBrokerOptions::save_every), in one
// commit with whatever the server commits just then; killed before that, the server hands those few out again. Publish, Declare,
// Purge and DeleteQueue wait until what they did is on disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/chat/engine.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

class LogBrokerState;
class LogConnection;

class LogBrokerOptions {
 public:
  LogBrokerOptions() = default;
  std::string source = "/tidings";            // CloudEvents source, as the relay's
  std::chrono::milliseconds save_every{250};  // what was settled is on disk at the latest so long after
  std::size_t window = 256;                   // messages read ahead for a queue
};

// What the log's queues stand on.
class LogSources {
 public:
  LogSources(const eventing::EventStore& store_, chat::ReadPool& reads_, chat::Engine& engine_)
      : store(store_), reads(reads_), engine(engine_) {}
  const eventing::EventStore& store;
  chat::ReadPool& reads;
  chat::Engine& engine;
};

// How far a queue is, without a look at the log.
class LogQueueDepth {
 public:
  std::string queue;
  std::uint64_t behind = 0;     // positions of the log from what is settled to the head; 0: it is not bound to the log
  std::uint64_t kept = 0;       // messages kept beside the cursor: handed out, delayed, dead letters
  std::uint64_t unsettled = 0;  // of these, handed out
  std::uint64_t consumers = 0;
};

// All queues of a store; what the transports on it share. Belongs to one serial executor. One at a time for a store.
class LogBroker {
 public:
  // REQUIRES: all of them outlive it.
  LogBroker(messaging::Executor executor, messaging::Timers& timers, messaging::LossLedger& ledger, LogSources sources,
            LogBrokerOptions options = LogBrokerOptions());
  ~LogBroker();
  LogBroker(const LogBroker&) = delete;
  LogBroker& operator=(const LogBroker&) = delete;

  // Reads what was saved. Before anything else.
  messaging::Task<Status> Open();
  // The log has grown. Any thread; nothing but a look at a flag unless somebody waits for it.
  void Wake();
  // What was settled so far is on disk when it returns success.
  messaging::Task<Status> Save();
  // Ends all transports and saves what is not saved yet.
  messaging::Task<Status> Close();
  // That are not closed.
  std::size_t transports() const;
  // All that is declared durably, as it would be declared elsewhere.
  messaging::Topology topology() const;
  bool HasExchange(std::string_view name) const;
  // Nothing: there is no such queue.
  std::optional<messaging::QueueOptions> OptionsOf(std::string_view queue) const;
  // Of all queues that no connection has to itself.
  std::vector<LogQueueDepth> Depths() const;

 private:
  friend class LogTransport;
  std::shared_ptr<LogBrokerState> state_;
};

// Where a queue begins that is bound to the log for the first time.
enum class QueueStart {
  kHead,       // what happens from now on, as on RabbitMQ
  kOpening,    // what has happened since the broker was made, which is before the server took a request
  kBeginning,  // the whole log
};

// Durable and ordered, with delays and exchanges; no leases: a consumer lives in this process, and what it holds goes back
// when it or its transport ends. Neither publish/subscribe nor streams. Publishing to `tidings.events` is refused (kInvalid):
// the log does that.
class LogTransport final : public messaging::Transport {
 public:
  // `start` is for the bindings that this transport declares. REQUIRES: the broker is open.
  explicit LogTransport(LogBroker& broker, QueueStart start = QueueStart::kHead);
  // As Close.
  ~LogTransport() override;

  std::string_view name() const override { return "embedded"; }
  const messaging::Capabilities& capabilities() const override { return capabilities_; }
  messaging::Executor executor() override;

  messaging::Task<Status> Declare(messaging::Topology topology) override;
  messaging::Task<Result<std::size_t>> Publish(
      messaging::Address to, messaging::Message message,
      messaging::PublishOptions options = messaging::PublishOptions()) override;
  // In one commit: all of them are accepted, or none. One that is refused refuses all.
  messaging::Task<Status> PublishAll(std::vector<messaging::Outgoing> messages) override;
  messaging::Task<Result<std::optional<messaging::Delivery>>> Pop(std::string queue,
                                                                  std::chrono::milliseconds timeout) override;
  messaging::Task<Result<std::unique_ptr<messaging::Consumer>>> Consume(
      std::string queue, messaging::ConsumeOptions options = messaging::ConsumeOptions()) override;
  messaging::Task<Result<messaging::QueueStats>> Stats(std::string queue) override;
  messaging::Task<Result<std::uint64_t>> Purge(std::string queue) override;
  messaging::Task<Status> DeleteQueue(std::string queue) override;
  messaging::Task<Result<std::vector<std::string>>> Queues() override;
  messaging::Task<void> Close() override;

 private:
  messaging::Capabilities capabilities_;
  std::shared_ptr<LogConnection> connection_;
};

}  // namespace tidings::app
