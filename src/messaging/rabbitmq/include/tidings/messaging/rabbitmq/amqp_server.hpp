// AmqpServer: lets AMQP 0-9-1 clients of any language use the queues of a transport that lives in this process, as if it were
// RabbitMQ: consumers are written once, for either.
//
//   AmqpServerOptions options;
//   options.password = secret;
//   AmqpServer server(context.get_executor(), timers, [&] { return std::make_unique<MemoryTransport>(executor, broker); },
//                     options);
//   if (Status listening = server.Listen(); !listening) return listening;
//   server.Start();
//
// What clients find: the virtual host "/"; PLAIN; direct, topic and fanout exchanges; queues, bindings, consumers with prefetch
// and acknowledgements, basic.get, publisher confirms, mandatory; TTLs; x-dead-letter-exchange "" to `<queue>.dead`, which is
// where rejected messages go; queues that are only waited in (x-message-ttl with x-dead-letter-exchange "" to another queue), which
// are how AMQP delays. A queue that exists is used as it is found, unless who declares it would rely on what it has not. What is not there (transactions, headers exchanges, streams,
// queue.unbind, a dead-letter exchange of one's own) is refused with 540 or 406 and a line that says what instead.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/topology.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

// What a client is told of where a message was published.
class PublishedAt {
 public:
  PublishedAt() = default;
  PublishedAt(std::string exchange_, std::string routing_key_)
      : exchange(std::move(exchange_)), routing_key(std::move(routing_key_)) {}
  std::string exchange;
  std::string routing_key;
};

class AmqpServerOptions {
 public:
  AmqpServerOptions() = default;
  std::string address = "127.0.0.1";            // of this machine, IPv4 or IPv6
  std::uint16_t port = 5672;                    // 0: one that is free
  std::string user = "tidings";
  std::string password;                         // REQUIRES: not empty
  std::string version;                          // told to clients
  std::size_t most_connections = 256;
  std::chrono::milliseconds handshake{10'000};  // until a client has logged in
  std::uint16_t heartbeat = 60;                 // seconds, proposed; a client that is silent for two of them is dead
  std::vector<std::string> numbers;             // headers that travel as numbers where their value is a whole one
  // Exchanges that are there without having been declared here. Null: none.
  std::function<bool(std::string_view)> has_exchange;
  // What a queue is like that is there; null, or nothing: not known. A declaration that asks for dead letters, a delivery limit, durability
  // or a queue of its own, where this one has none of it, is refused (406, 405).
  std::function<std::optional<QueueOptions>(std::string_view queue)> queue_options;
  // Queues that clients may not delete. Null: none.
  std::function<bool(std::string_view queue)> keeps;
  // Of a message that was not published here; null: straight to its queue.
  std::function<PublishedAt(const Message&, std::string_view queue)> published_at;
};

// Belongs to the executor, which is that of its transports.
class AmqpServer {
 public:
  // A transport for one client, without leases (Capabilities::leases); it ends with its connection.
  using Open = std::function<std::unique_ptr<Transport>()>;

  // `timers`, and what `open` needs, outlive it.
  AmqpServer(Executor executor, Timers& timers, Open open, AmqpServerOptions options);
  // As Stop, without waiting.
  ~AmqpServer();
  AmqpServer(const AmqpServer&) = delete;
  AmqpServer& operator=(const AmqpServer&) = delete;

  // Binds and listens. kInvalid, kUnavailable: the address is none, or is not to be had.
  Status Listen();
  // Takes connections, those that have come since Listen first.
  void Start();
  std::uint16_t port() const;
  // That are open now. Any thread.
  std::size_t connections() const;
  // Says goodbye (320): what clients hold goes back to its place. Ends within `within`.
  Task<void> Stop(std::chrono::milliseconds within);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace tidings::messaging
