// What a producer and a consumer of the proof do, on whatever transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "effects.hpp"

namespace tidings::app {

inline constexpr std::uint32_t kParts = 2;  // queues
// Who works on one: a consumer, a producer, another consumer.
inline constexpr std::uint32_t kPerPart = 3;
inline bool Produces(std::size_t worker) { return worker % kPerPart == 1; }
inline std::uint32_t PartOf(std::size_t worker) { return static_cast<std::uint32_t>(worker / kPerPart); }
// Whose turn it is to be killed: each queue's in turn.
inline std::size_t Victim(std::uint32_t turn) { return turn % kParts * kPerPart + turn / kParts % kPerPart; }
// Whose turn it is to be stopped in good order: each queue's consumers in turn.
inline std::size_t Leaver(std::uint32_t turn) { return turn % kParts * kPerPart + turn / kParts % 2 * 2; }
inline constexpr std::chrono::seconds kMostStopping{10};
// Accepted at most by one producer.
inline constexpr std::uint64_t kMostMessages = 200'000;
// Short where a dead consumer is found out by time alone, and its successor waits for as long.
inline std::chrono::milliseconds ProveLease(const messaging::Transport& transport) {
  return std::chrono::seconds(transport.name() == "redis" ? 2 : 30);
}

// While this file is there routers handle nothing: more than a consumer fetches ahead is to wait when one is killed, for that is
// when brokers change the order.
std::string HoldFile(const std::string& folder);

// Of one run: others on the same broker have names of their own.
std::string ProveQueue(const std::string& run, std::uint32_t part);
messaging::Topology ProveTopology(const std::string& run);

// How far a producer has come: in a file, so that it goes on there after a kill.
class Journal {
 public:
  Journal(const std::string& folder, std::uint32_t part);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  std::uint64_t Accepted() const;
  void Accept(std::uint64_t upto);

 private:
  int file_;
};

// Publishes number after number, each with its place in its key, a few at a time, again and again until they are accepted; until
// `stopped` says so.
messaging::Task<void> Produce(messaging::Transport& transport, messaging::Timers& timers, std::string queue,
                              Journal& journal, std::function<bool()> stopped);

// Acknowledges one message after the other before it works on it, until its consumer ends.
messaging::Task<void> ConsumeHastily(messaging::Transport& transport, messaging::Timers& timers, std::string queue,
                                     Effects& effects, std::function<bool()> stopped);

}  // namespace tidings::app
