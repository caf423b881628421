// What the connections of one AmqpServer share, and how they refuse.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/messaging/rabbitmq/amqp_server.hpp>
#include <tidings/messaging/topology.hpp>

#include "methods.hpp"

namespace tidings::messaging::rabbitmq {

// An exception of AMQP (§1.2): it ends the channel, or the connection if its code is one of those.
class Refusal {
 public:
  Refusal(std::uint16_t code_, std::string text_) : code(code_), text(std::move(text_)) {}
  // A transport's error. `conflict` says what a kConflict is: 405 or 406.
  static Refusal Of(const Error& error, std::uint16_t conflict = reply::kResourceLocked);

  // What RabbitMQ writes: the code's name before the text.
  std::string Shown() const;
  bool ends_connection() const;

  std::uint16_t code;
  std::string text;
};

// A queue that nobody consumes: what is published to it waits, and goes on to another queue.
class Onward {
 public:
  std::string target;
  std::chrono::milliseconds delay{0};
};

// What the table of a queue's arguments asks for.
class QueueWish {
 public:
  QueueOptions options;
  std::optional<Onward> delay;
};
// A refusal says which argument, and what instead.
std::optional<Refusal> ReadQueueArguments(std::string_view name, const QueueArguments& arguments,
                                          const Capabilities& capabilities, QueueWish& wish);

class ServerState {
 public:
  ServerState(Executor executor_, Timers& timers_, AmqpServer::Open open_, AmqpServerOptions options_)
      : executor(std::move(executor_)), timers(timers_), open(std::move(open_)), options(std::move(options_)) {}

  // Says in the log that somebody who has not logged in was refused: once a second, however many they are.
  void Refused(std::string_view peer, std::string_view client, std::string_view reason);

  bool HasExchange(std::string_view name) const {
    return exchanges.contains(name) || (options.has_exchange && options.has_exchange(name));
  }
  const Onward* FindDelay(std::string_view name) const {
    const auto found = delays.find(name);
    return found == delays.end() ? nullptr : &found->second;
  }
  std::string_view FirstDelayOf(std::string_view target) const {
    const auto found = std::ranges::find_if(delays, [&](const auto& entry) { return entry.second.target == target; });
    return found == delays.end() ? std::string_view() : found->first;
  }

  const Executor executor;
  Timers& timers;
  const AmqpServer::Open open;
  const AmqpServerOptions options;
  std::set<std::string, std::less<>> exchanges;    // declared here
  std::map<std::string, Onward, std::less<>> delays;
  std::set<std::string, std::less<>> auto_delete;  // queues that end with their last consumer
  std::set<std::string, std::less<>> alone;        // queues with an exclusive consumer

 private:
  std::optional<Millis> refused_at_;  // the last line about it
  std::uint64_t refused_ = 0;         // since then
};

// Declared delay queues, at most.
inline constexpr std::size_t kMostDelays = 10'000;

}  // namespace tidings::messaging::rabbitmq
