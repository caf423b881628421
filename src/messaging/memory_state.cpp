#include "memory_state.hpp"

#include <algorithm>

namespace tidings::messaging {

MemoryState::~MemoryState() {
  // What waits or is handed out outlives the broker; what is lost now is lost with the process, and no loss to count.
  ledger_ = nullptr;
  for (const auto& [name, queue] : queues_) queue->End();
}

Status MemoryState::Declare(const Topology& topology, const void* connection) {
  if (Status checked = CheckDeclaration(topology, connection); !checked) return checked;
  for (const auto& exchange : topology.exchanges()) exchanges_.try_emplace(exchange.name, exchange.kind);
  for (const auto& queue : topology.queues()) {
    if (!Queue(queue.name)) AddQueue(queue.name, queue.options, queue.options.exclusive ? connection : nullptr);
  }
  for (const auto& binding : topology.bindings()) {
    Exchange(binding.exchange)->Bind(*Queue(binding.queue), binding.pattern);
  }
  return {};
}

Status MemoryState::CheckDeclaration(const Topology& topology, const void* connection) {
  if (Status checked = Check(topology); !checked) return checked;
  const auto declared = [](const auto& declarations, const std::string& name) {
    return std::ranges::any_of(declarations, [&](const auto& declaration) { return declaration.name == name; });
  };
  for (std::size_t i = 0; i < topology.exchanges().size(); ++i) {
    const auto& exchange = topology.exchanges()[i];
    const MemoryExchange* const existing = Exchange(exchange.name);
    const auto earlier = std::ranges::find(topology.exchanges(), exchange.name, &ExchangeDeclaration::name);
    const ExchangeKind kind = existing ? existing->kind() : earlier->kind;
    if (kind != exchange.kind) {
      return Fail(ErrorCode::kConflict, "exchange " + exchange.name + " exists as " + std::string(Name(kind)) +
                                            ", not " + std::string(Name(exchange.kind)) +
                                            "; declare it so, or choose another name");
    }
  }
  for (const auto& queue : topology.queues()) {
    if (!Queue(queue.name)) continue;
    if (const auto found = Find(queue.name, connection); !found) return std::unexpected(found.error());
  }
  for (const auto& binding : topology.bindings()) {
    if (!Exchange(binding.exchange) && !declared(topology.exchanges(), binding.exchange)) {
      return Fail(ErrorCode::kNotFound, "queue " + binding.queue + " cannot be bound: there is no exchange " +
                                            binding.exchange + "; declare it first");
    }
    if (!declared(topology.queues(), binding.queue)) {
      if (const auto found = Find(binding.queue, connection); !found) return std::unexpected(found.error());
    }
  }
  return {};
}

Result<std::shared_ptr<MemoryQueue>> MemoryState::Find(std::string_view queue, const void* connection) {
  const auto found = queues_.find(queue);
  if (found == queues_.end()) {
    return Fail(ErrorCode::kNotFound, "there is no queue " + std::string(queue) + "; declare it first");
  }
  if (found->second->owner() && found->second->owner() != connection) {
    return Fail(ErrorCode::kConflict, "queue " + std::string(queue) + " is exclusive to another connection");
  }
  return found->second;
}

MemoryExchange* MemoryState::Exchange(std::string_view name) {
  const auto found = exchanges_.find(name);
  return found == exchanges_.end() ? nullptr : &found->second;
}

MemoryQueue* MemoryState::Queue(std::string_view name) {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

MemoryQueue& MemoryState::AddQueue(const std::string& name, const QueueOptions& options, const void* owner) {
  const auto queue = std::make_shared<MemoryQueue>(*this, name, options, owner);
  queues_.insert_or_assign(name, queue);
  if (options.dead_letters) DeadLettersOf(*queue);
  return *queue;
}

MemoryQueue& MemoryState::DeadLettersOf(const MemoryQueue& queue) {
  const std::string name = DeadLetterQueue(queue.name());
  if (MemoryQueue* const found = Queue(name)) return *found;
  QueueOptions options;
  options.dead_letters = false;
  options.delivery_limit = 0;
  options.durable = queue.options().durable;
  options.exclusive = queue.options().exclusive;
  return AddQueue(name, options, queue.owner());
}

void MemoryState::Delete(const std::string& queue) {
  const MemoryQueue* const found = Queue(queue);
  if (!found) return;
  const MemoryQueue* const dead = found->options().dead_letters ? Queue(DeadLetterQueue(queue)) : nullptr;
  if (dead && dead->size() == 0) Remove(dead->name());
  Remove(queue);
}

void MemoryState::DeleteExclusiveOf(const void* connection) {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (queue->owner() == connection) names.push_back(name);
  }
  for (const std::string& name : names) Remove(name);
}

void MemoryState::Remove(const std::string& queue) {
  const auto removed = queues_.extract(queue);
  for (auto& [name, exchange] : exchanges_) exchange.Unbind(*removed.mapped());
  removed.mapped()->End();
}

std::vector<std::string> MemoryState::Queues(const void* connection) const {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (!queue->owner() || queue->owner() == connection) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace tidings::messaging
