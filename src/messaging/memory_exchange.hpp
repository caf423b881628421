// MemoryExchange: from a routing key to the queues, each once, without matching a pattern twice for one key.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tidings/messaging/topology.hpp>

namespace tidings::messaging {

class MemoryQueue;

class MemoryExchange {
 public:
  explicit MemoryExchange(ExchangeKind kind) : kind_(kind) {}
  ExchangeKind kind() const { return kind_; }

  // Binding twice is binding once.
  void Bind(MemoryQueue& queue, std::string pattern);
  void Unbind(const MemoryQueue& queue);
  // Valid until the next call.
  const std::vector<MemoryQueue*>& Route(std::string_view routing_key);

 private:
  class Hash {
   public:
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  ExchangeKind kind_;
  std::vector<std::pair<std::string, MemoryQueue*>> bindings_;
  // What was worked out for a key; a fanout has one entry. Emptied when it is full or a binding changes.
  std::unordered_map<std::string, std::vector<MemoryQueue*>, Hash, std::equal_to<>> routes_;
};

}  // namespace tidings::messaging
