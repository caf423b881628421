// Topology: exchanges, queues and what binds them, as a value. Declaring it twice is declaring it once.
//
//   Topology topology;
//   topology.AddExchange("orders", ExchangeKind::kTopic);
//   topology.AddQueue("email").Bind("orders", "email", "order.created");
//   topology.AddQueue("analytics").Bind("orders", "analytics", "order.*");
//   auto declared = co_await transport.Declare(topology);
//
// The routing rules are AMQP 0-9-1's (§3.1.3) on every transport.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>

namespace tidings::messaging {

enum class ExchangeKind {
  kDirect,  // to the queues bound with the very routing key
  kTopic,   // patterns of words between dots: * is one word, # any number of them
  kFanout,  // to all queues bound
};

std::string_view Name(ExchangeKind kind);

// What a queue is like. A queue that exists already is used as it is found.
class QueueOptions {
 public:
  QueueOptions() = default;

  bool durable = true;  // outlives the broker's or the process's restart, where the transport can
  // For this connection alone, and gone with it; never durable. What a Close finds in it counts as purged.
  bool exclusive = false;
  // RabbitMQ: a quorum queue (the default), or a classic one. Others take no notice.
  bool quorum = true;
  // Its dead letters go to `<name>.dead`, declared with it. Without: a dead letter is dropped, and counted in the ledger.
  bool dead_letters = true;
  // Handed out more often than this without being settled, because its consumers died of it: to the dead letters, by the
  // transport. A backstop above the router's own count; 0 for none.
  std::uint32_t delivery_limit = 20;
  // One consumer at a time holds messages; another one gets some when that one has none (on RabbitMQ: is gone), in the order
  // of the queue. A Pop takes what is ready (RabbitMQ refuses it). Where Capabilities::single_active says so, else nothing.
  bool single_active = false;
  // Bounds; what they make vanish is counted in the ledger. Past max_length a publish is refused with kUnavailable.
  std::optional<std::uint64_t> max_length;
  std::optional<std::chrono::milliseconds> message_ttl;
};

class ExchangeDeclaration {
 public:
  ExchangeDeclaration(std::string name_, ExchangeKind kind_, bool durable_)
      : name(std::move(name_)), kind(kind_), durable(durable_) {}
  std::string name;
  ExchangeKind kind;
  bool durable;
};

class QueueDeclaration {
 public:
  QueueDeclaration(std::string name_, QueueOptions options_) : name(std::move(name_)), options(options_) {}
  std::string name;
  QueueOptions options;
};

class Binding {
 public:
  Binding(std::string exchange_, std::string queue_, std::string pattern_)
      : exchange(std::move(exchange_)), queue(std::move(queue_)), pattern(std::move(pattern_)) {}
  std::string exchange;
  std::string queue;
  std::string pattern;
  friend bool operator==(const Binding&, const Binding&) = default;
};

class Topology {
 public:
  Topology& AddExchange(std::string name, ExchangeKind kind, bool durable = true);
  Topology& AddQueue(std::string name, QueueOptions options = QueueOptions());
  Topology& Bind(std::string exchange, std::string queue, std::string pattern = "");
  // All of `other` too.
  Topology& Add(const Topology& other);

  const std::vector<ExchangeDeclaration>& exchanges() const { return exchanges_; }
  const std::vector<QueueDeclaration>& queues() const { return queues_; }
  const std::vector<Binding>& bindings() const { return bindings_; }

 private:
  std::vector<ExchangeDeclaration> exchanges_;
  std::vector<QueueDeclaration> queues_;
  std::vector<Binding> bindings_;
};

// kInvalid if a name is not 1 to 200 characters of [A-Za-z0-9_.:-], or a routing key or pattern is longer than 255 bytes.
// Names that begin with "amq." are the broker's.
Status CheckName(std::string_view name);
Status Check(const Topology& topology);

// The queue of `queue`'s dead letters: `<queue>.dead`.
std::string DeadLetterQueue(std::string_view queue);
// The queue whose dead letters `name` holds; nothing if it is no such queue. A part of `name`.
std::optional<std::string_view> OriginOfDeadLetters(std::string_view name);

// Whether a message with this routing key goes to a queue bound with this pattern.
bool Routes(ExchangeKind kind, std::string_view pattern, std::string_view routing_key);
// AMQP 0-9-1 §3.1.3.3: words between dots, * one, # none or more.
bool TopicMatches(std::string_view pattern, std::string_view routing_key);

}  // namespace tidings::messaging
