// Prove: shows that nothing is lost, done twice or done out of order while processes are killed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::app {

class ProveOptions {
 public:
  std::string transport;  // memory, sqlite, redis, rabbitmq; or the address of a broker, which is not killed then
  std::uint32_t kills = 20;
  std::string folder;     // a new one that is removed in the end, if empty
  // For tests, of the proof itself. Consumers acknowledge before they work, and a loss has to be found; they go by the order in
  // which messages come instead of by their numbers, and RabbitMQ's change of it has to be found.
  bool hasty = false;
  bool by_arrival = false;
};

class ProveReport {
 public:
  std::uint64_t accepted = 0;  // messages whose publishing succeeded
  std::uint64_t kills = 0;
  std::uint64_t broker_kills = 0;
  std::uint64_t stops = 0;       // of consumers, in good order
  std::uint64_t repeats = 0;     // deliveries that changed nothing, for they had come before
  std::uint64_t lost = 0;        // accepted, and without effect
  std::uint64_t duplicated = 0;  // effects of a message beyond its first
  std::uint64_t reordered = 0;   // effects after a later one of the same key

  bool right() const { return lost == 0 && duplicated == 0 && reordered == 0; }
};

// Two single-active queues, each with a producer and two consumers, of which one stands by; they handle several messages at
// once, in order by key and number. Processes of their own (but for memory), which are killed one after the other, when more
// waits than a consumer fetches ahead, the broker too where it was started here; before each kill a consumer is stopped in good
// order. Ends when all that was accepted was handled, or nothing more comes. `tell` is called with a line now and then.
Result<ProveReport> Prove(const ProveOptions& options, const std::function<void(const std::string&)>& tell);

// One of its processes; `tidings queue prove-part`. Runs until it is killed, a producer also until the file `stop` is there.
class ProvePart {
 public:
  std::string role;  // producer, consumer, hasty, by-arrival
  std::string run;   // what the names of its queues begin with
  std::uint32_t part = 0;
  std::string address;
  std::string folder;
};
Status RunProvePart(const ProvePart& part);

}  // namespace tidings::app
