// Transport: the port to whatever keeps queues and routes messages to them. Everything above it (Router, RequestReply,
// Topic, DeadLetters) is written once, against this.
//
// A transport and all that comes out of it belong to the serial executor that it was made with. Calls may overlap: many
// coroutines publish at once and share round trips and commits.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/topology.hpp>

namespace tidings::messaging {

class PubSub;
class Streams;

// What a transport can do. The conformance suite tests what is claimed here, and that the rest is refused with
// kUnavailable and a line that says so.
class Capabilities {
 public:
  bool durable = false;        // an accepted message survives kill -9 of this process and of the broker
  bool ordered = false;        // one consumer gets a queue's messages in the order in which they were accepted
  bool exchanges = false;      // Declare takes exchanges and bindings
  bool delay = false;          // PublishOptions::delay, and Retry with a delay
  bool shared = false;         // other processes may use the same queues
  bool counts_lag = false;     // Stats may show what was settled a moment ago as it was before
  bool leases = false;         // a consumer that dies is found out by time, not by its connection
  bool single_active = false;  // QueueOptions::single_active
  bool lists_queues = false;   // Queues tells those too that others declared
  bool pub_sub = false;        // pub_sub() is there
  bool streams = false;        // streams() is there
  bool stream_groups = false;  // ... with consumer groups
  bool stream_trim = false;    // ... that Trim cuts; else the broker alone does, as it was told when a stream was made
  std::size_t max_body = Message::kMostBody;
};

// Where a message is sent.
class Address {
 public:
  static Address Queue(std::string name) { return Address("", std::move(name)); }
  static Address Exchange(std::string name, std::string routing_key) {
    return Address(std::move(name), std::move(routing_key));
  }
  // Empty: straight to the queue named by routing_key.
  const std::string& exchange() const { return exchange_; }
  const std::string& routing_key() const { return routing_key_; }
  bool is_queue() const { return exchange_.empty(); }

 private:
  Address(std::string exchange, std::string routing_key)
      : exchange_(std::move(exchange)), routing_key_(std::move(routing_key)) {}
  std::string exchange_;
  std::string routing_key_;
};

class PublishOptions {
 public:
  PublishOptions() = default;
  // A message that reaches no queue is an error (kNotFound); else it is counted in the ledger as `unrouted`.
  bool require_route = true;
  // Not handed out before this is over. To a queue only (Address::Queue).
  std::chrono::milliseconds delay{0};
  // Expires after this: to the dead letters where the queue has them, else dropped and counted.
  std::optional<std::chrono::milliseconds> ttl;
};

class Outgoing {
 public:
  Outgoing(Address to_, Message message_, PublishOptions options_ = PublishOptions())
      : to(std::move(to_)), message(std::move(message_)), options(options_) {}
  Address to;
  Message message;
  PublishOptions options;
};

class ConsumeOptions {
 public:
  ConsumeOptions() = default;
  explicit ConsumeOptions(std::uint16_t prefetch_) : prefetch(prefetch_) {}
  // Unsettled deliveries that this consumer holds at most, 1 to 10,000.
  std::uint16_t prefetch = 16;
  // Where there are leases: a delivery that is not settled or extended for so long is handed out again.
  std::chrono::milliseconds lease{30'000};
};

// A queue in numbers.
class QueueStats {
 public:
  std::uint64_t ready = 0;                          // wait to be handed out
  std::uint64_t unsettled = 0;                      // handed out; 0 where the transport cannot know it
  std::uint64_t delayed = 0;                        // not due yet
  std::uint64_t consumers = 0;
  std::optional<std::chrono::milliseconds> oldest;  // age of the oldest one that is ready, where known
};

// One of the consumers that compete for a queue.
class Consumer {
 public:
  // As Stop, without waiting; deliveries that were handed out stay valid.
  virtual ~Consumer() = default;
  // The next message, as soon as there is one and less than `prefetch` are unsettled. kUnavailable once it was stopped,
  // or the transport closed. It comes back by itself after a broken connection. One Next at a time. Cancellable.
  virtual Task<Result<Delivery>> Next() = 0;
  // Takes no more: a waiting Next ends, what was fetched but not handed out goes back uncounted. Idempotent.
  virtual Task<void> Stop() = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // "memory", "sqlite", "redis", "rabbitmq".
  virtual std::string_view name() const = 0;
  virtual const Capabilities& capabilities() const = 0;
  virtual Executor executor() = 0;

  // Makes what is missing, uses what exists as it is found, and remembers it: after a reconnect it is declared again. An
  // exchange that exists with another kind is kConflict.
  virtual Task<Status> Declare(Topology topology) = 0;

  // Success means accepted: on disk where capabilities().durable, in every queue that it was routed to, or in none of them
  // if it fails with kInvalid, kTooLarge, kNotFound (no route, no such exchange) or kUnavailable with "refused". Any other
  // error leaves it unknown: publish it again with the same id. Returns the number of queues reached where known, else 1.
  virtual Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options = PublishOptions()) = 0;
  // The same for many, in order, sharing commits and round trips; the first error stops what was not sent yet. Some of them
  // may have been accepted when it fails. The default publishes one after the other.
  virtual Task<Status> PublishAll(std::vector<Outgoing> messages);

  // A message that is ready, waiting up to `timeout` for one; nothing if there was none. kNotFound: no such queue.
  virtual Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) = 0;
  // kNotFound: no such queue.
  virtual Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue,
                                                          ConsumeOptions options = ConsumeOptions()) = 0;

  virtual Task<Result<QueueStats>> Stats(std::string queue) = 0;
  // Drops what is ready or delayed; returns how many.
  virtual Task<Result<std::uint64_t>> Purge(std::string queue) = 0;
  // The queue with all that is in it, its bindings and its dead letters' queue where that is empty. What was in it counts as
  // purged, what is handed out too where the transport can know of it (not RabbitMQ's). None there: success or kNotFound.
  virtual Task<Status> DeleteQueue(std::string queue) = 0;
  // Names of the queues: all of them where capabilities().lists_queues, else those that were declared here.
  virtual Task<Result<std::vector<std::string>>> Queues() = 0;

  // Null where capabilities() says so.
  virtual PubSub* pub_sub() { return nullptr; }
  virtual Streams* streams() { return nullptr; }

  // Stops every consumer, waits (bounded) until what was published is accepted, and closes. Idempotent.
  virtual Task<void> Close() = 0;
};

}  // namespace tidings::messaging
