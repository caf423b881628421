#include "memory_exchange.hpp"

#include <algorithm>

namespace tidings::messaging {
namespace {

// Keys with an id in them are without end, so what is kept of them is bounded.
constexpr std::size_t kMostRoutes = 4'096;

}  // namespace

void MemoryExchange::Bind(MemoryQueue& queue, std::string pattern) {
  std::pair binding(std::move(pattern), &queue);
  if (std::ranges::find(bindings_, binding) != bindings_.end()) return;
  bindings_.push_back(std::move(binding));
  routes_.clear();
}

void MemoryExchange::Unbind(const MemoryQueue& queue) {
  if (std::erase_if(bindings_, [&](const auto& binding) { return binding.second == &queue; }) > 0) routes_.clear();
}

const std::vector<MemoryQueue*>& MemoryExchange::Route(std::string_view routing_key) {
  if (kind_ == ExchangeKind::kFanout) routing_key = {};
  if (const auto found = routes_.find(routing_key); found != routes_.end()) return found->second;
  if (routes_.size() >= kMostRoutes) routes_.clear();
  std::vector<MemoryQueue*>& route = routes_[std::string(routing_key)];
  for (const auto& [pattern, queue] : bindings_) {
    const bool there = std::ranges::find(route, queue) != route.end();
    if (!there && Routes(kind_, pattern, routing_key)) route.push_back(queue);
  }
  return route;
}

}  // namespace tidings::messaging
