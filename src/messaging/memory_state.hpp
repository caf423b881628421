// MemoryState: what the in-memory broker knows by name, and how its queues reach each other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/topology.hpp>

#include "memory_exchange.hpp"
#include "memory_queue.hpp"
#include "memory_streams.hpp"
#include "memory_topics.hpp"

namespace tidings::messaging {

class TextHash {
 public:
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

template <class T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

class MemoryState {
 public:
  MemoryState(Timers& timers, LossLedger* ledger) : timers_(&timers), ledger_(ledger) {}
  ~MemoryState();
  MemoryState(const MemoryState&) = delete;
  MemoryState& operator=(const MemoryState&) = delete;

  Timers& timers() { return *timers_; }
  void Lose(LossCause cause, std::string_view where, std::uint64_t messages = 1) {
    if (ledger_) ledger_->Count(cause, where, messages);
  }

  // All or nothing. `connection` becomes the owner of exclusive queues.
  Status Declare(const Topology& topology, const void* connection);
  // kNotFound; kConflict if it belongs to another connection.
  Result<std::shared_ptr<MemoryQueue>> Find(std::string_view queue, const void* connection);
  // Null if there is none.
  MemoryExchange* Exchange(std::string_view name);
  MemoryQueue* Queue(std::string_view name);
  // Makes the queue again if it was deleted.
  MemoryQueue& DeadLettersOf(const MemoryQueue& queue);
  void Delete(const std::string& queue);
  void DeleteExclusiveOf(const void* connection);
  std::vector<std::string> Queues(const void* connection) const;

  MemoryTopics& topics() { return topics_; }
  ByName<std::shared_ptr<MemoryStream>>& streams() { return streams_; }

 private:
  Status CheckDeclaration(const Topology& topology, const void* connection);
  MemoryQueue& AddQueue(const std::string& name, const QueueOptions& options, const void* owner);
  void Remove(const std::string& queue);

  Timers* timers_;
  LossLedger* ledger_;
  ByName<std::shared_ptr<MemoryQueue>> queues_;
  ByName<MemoryExchange> exchanges_;
  MemoryTopics topics_;
  ByName<std::shared_ptr<MemoryStream>> streams_;
};

}  // namespace tidings::messaging
