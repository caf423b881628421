// RabbitTransport: queues and exchanges of a RabbitMQ, over a client of AMQP 0-9-1 of its own.
//
//   SystemTimers timers(context.get_executor());
//   LossLedger ledger;
//   auto transport = RabbitTransport::Make(context.get_executor(), timers, ledger, RabbitOptions("amqp://localhost"));
//   if (!transport) return transport.error();   // the address is none
//   Topology topology;
//   topology.AddExchange("orders", ExchangeKind::kTopic).AddQueue("email").Bind("orders", "email", "order.created");
//   auto declared = co_await (*transport)->Declare(topology);
//
// It connects when it is first needed and again after every break, one connection for publishing and one for the rest. What
// is declared and why: docs/rabbitmq.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class RabbitOptions {
 public:
  explicit RabbitOptions(std::string url_) : url(std::move(url_)) {}

  std::string url;                    // amqp://user:password@host:port/vhost?heartbeat=10, or amqps://
  std::string name = "tidings";       // of the connections, as the broker's tools show them
  std::uint16_t heartbeat = 10;       // seconds, unless the address says otherwise
  std::size_t window = 1024;          // unconfirmed messages at once
  std::size_t most_waiting = 65'536;  // publishes that wait for their turn; more are refused
  // A publish that is not confirmed in this time fails: refused if it was never sent, unknown otherwise.
  std::chrono::milliseconds publish_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{10'000};  // every other call, its wait for a connection included
  std::chrono::milliseconds close_timeout{10'000};
  std::chrono::milliseconds first_pause{50};       // before the second try to connect; doubled up to
  std::chrono::milliseconds most_pause{5'000};
  // While 64 messages or more are under way (unconfirmed, waiting for a handler, in hand), a connection is read 2 us later
  // for each of them, so much later at most: what came by then costs one wake-up of the process instead of one each, about
  // half of the processor time with 1,024 under way. With fewer under way, and over TLS, nothing waits. 0: never.
  std::chrono::microseconds most_read_pause{2'000};
  // Headers that travel as AMQP integers where their value is a whole number, for consumers that look at the type.
  std::vector<std::string> numbers;
  // How much RabbitMQ keeps of a stream that is made here, by whole segments; 0: everything, and segments of its usual size.
  std::uint64_t stream_most_bytes = 0;
  std::chrono::seconds stream_most_age{0};
  std::uint64_t stream_segment_bytes = 0;
};

class RabbitTransport final : public Transport {
 public:
  // Does not connect yet. kInvalid: the address is none. `timers` and `ledger` outlive it.
  static Result<std::unique_ptr<RabbitTransport>> Make(Executor executor, Timers& timers, LossLedger& ledger,
                                                       RabbitOptions options);
  // Drops both connections; what waits is let go.
  ~RabbitTransport() override;

  std::string_view name() const override { return "rabbitmq"; }
  const Capabilities& capabilities() const override;
  Executor executor() override;
  Task<Status> Declare(Topology topology) override;
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options = PublishOptions()) override;
  Task<Status> PublishAll(std::vector<Outgoing> messages) override;
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override;
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue,
                                                  ConsumeOptions options = ConsumeOptions()) override;
  Task<Result<QueueStats>> Stats(std::string queue) override;
  Task<Result<std::uint64_t>> Purge(std::string queue) override;
  Task<Status> DeleteQueue(std::string queue) override;
  Task<Result<std::vector<std::string>>> Queues() override;
  PubSub* pub_sub() override;
  Streams* streams() override;
  Task<void> Close() override;

  // Waits until the broker can be reached; kUnavailable says what stands in the way. Nothing else needs it.
  Task<Status> Connect(std::chrono::milliseconds timeout);
  // How often messages were sent again because a connection broke before they were confirmed.
  std::uint64_t resent() const;

 private:
  class Core;
  explicit RabbitTransport(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace tidings::messaging
