// Queues, exchanges and bindings of a RedisTransport.
#include <algorithm>

#include "redis_core.hpp"
#include "scripts.hpp"
#include "stream_replies.hpp"

namespace tidings::redis {
namespace {

constexpr std::int64_t kPurgeStep = 1'000;

}  // namespace

Task<Result<Reply>> RedisTransport::Core::Take(Step step) {
  co_return co_await client_->Call(*step.first, std::move(step.second), true);
}

Task<Status> RedisTransport::Core::Declare(messaging::Topology topology) {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return open;
  if (auto checked = Check(topology); !checked) co_return checked;
  for (const auto& exchange : topology.exchanges()) {
    const auto kind = co_await Take(StepFor(exchange));
    if (!kind) co_return std::unexpected(kind.error());
    if ((*kind)->text() != Name(exchange.kind)) {
      co_return Fail(ErrorCode::kConflict, "the exchange " + exchange.name + " exists and is " +
                                               std::string((*kind)->text()) + ", not " +
                                               std::string(Name(exchange.kind)));
    }
    declared_exchanges_.try_emplace(exchange.name, exchange);
  }
  for (const auto& queue : topology.queues()) {
    for (Step& step : StepsFor(queue)) {
      const auto made = co_await Take(std::move(step));
      if (!made) co_return std::unexpected(made.error());
    }
    declared_queues_.try_emplace(queue.name, queue);
    if (queue.options.exclusive) exclusive_.insert(queue.name);
    if (queue.options.exclusive && queue.options.dead_letters) {
      exclusive_.insert(messaging::DeadLetterQueue(queue.name));
    }
    if (queue.options.message_ttl) {
      limited_.insert(queue.name);
      WatchExpiry(queue.name, *queue.options.message_ttl);
    }
  }
  for (const auto& binding : topology.bindings()) {
    const auto bound = co_await Take(StepFor(binding));
    if (!bound) co_return std::unexpected(bound.error());
    if ((*bound)->text() != "OK") {
      const bool exchange = (*bound)->text() == "EXCHANGE";
      co_return Fail(
          ErrorCode::kNotFound,
          "there is no " + (exchange ? "exchange " + binding.exchange : "queue " + binding.queue) + " to bind");
    }
    if (std::ranges::find(declared_bindings_, binding) == declared_bindings_.end()) {
      declared_bindings_.push_back(binding);
    }
  }
  co_return Status();
}

std::vector<RedisTransport::Core::Step> RedisTransport::Core::Declared() const {
  std::vector<Step> steps;
  steps.reserve(declared_exchanges_.size() + declared_queues_.size() + declared_bindings_.size());
  for (const auto& [name, exchange] : declared_exchanges_) steps.push_back(StepFor(exchange));
  for (const auto& [name, queue] : declared_queues_) {
    for (Step& step : StepsFor(queue)) steps.push_back(std::move(step));
  }
  for (const auto& binding : declared_bindings_) steps.push_back(StepFor(binding));
  return steps;
}

RedisTransport::Core::Step RedisTransport::Core::StepFor(const messaging::ExchangeDeclaration& exchange) const {
  return Step(&scripts::kDeclareExchange,
              Arguments{"2", keys_.Exchanges(), keys_.Topology(), exchange.name, Name(exchange.kind)});
}

RedisTransport::Core::Step RedisTransport::Core::StepFor(const messaging::Binding& binding) const {
  return Step(&scripts::kBind,
              Arguments{"4", keys_.Bindings(), keys_.Exchanges(), keys_.Topology(), keys_.Queue(binding.queue).options,
                        binding.exchange, binding.exchange + " " + binding.queue + " " + binding.pattern});
}

std::vector<RedisTransport::Core::Step> RedisTransport::Core::StepsFor(const messaging::QueueDeclaration& queue) const {
  const messaging::QueueOptions& options = queue.options;
  Arguments arguments{"2", keys_.Queue(queue.name).options, keys_.Queues(), queue.name, "0", "made"};
  if (options.exclusive)
    arguments = Arguments{"2",
                          keys_.Queue(queue.name).options,
                          keys_.Queues(),
                          queue.name,
                          std::to_string(kExclusiveLife.count()),
                          "exclusive",
                          owner_,
                          "made"};
  arguments.Add(timers_.Now());
  arguments.Add("dead_letters").Add(options.dead_letters ? "1" : "0");
  arguments.Add("delivery_limit").Add(static_cast<std::int64_t>(options.delivery_limit));
  if (options.single_active) arguments.Add("single_active").Add("1");
  if (options.max_length) arguments.Add("max_length").Add(static_cast<std::int64_t>(*options.max_length));
  if (options.message_ttl) {
    arguments.Add("message_ttl").Add(static_cast<std::int64_t>(options.message_ttl->count()));
  }
  std::vector<Step> steps;
  steps.emplace_back(&scripts::kDeclareQueue, std::move(arguments));
  if (!options.dead_letters) return steps;
  messaging::QueueOptions dead;
  dead.dead_letters = false;
  dead.delivery_limit = 0;
  dead.exclusive = options.exclusive;
  for (Step& step : StepsFor(messaging::QueueDeclaration(messaging::DeadLetterQueue(queue.name), dead))) {
    steps.push_back(std::move(step));
  }
  return steps;
}

Task<Result<messaging::QueueStats>> RedisTransport::Core::Stats(std::string queue) {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return std::unexpected(open.error());
  const QueueKeys keys = keys_.Queue(queue);
  Arguments arguments{"6",         keys.options, keys.ready,     keys.messages,
                      keys.leased, keys.delayed, keys.consumers, keys.wake};
  const auto reply = co_await client_->Call(scripts::kStats, std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  const Value& answer = **reply;
  if (answer.text() == "MISSING") co_return Fail(ErrorCode::kNotFound, "there is no queue " + queue);
  if (answer.size() != 5) co_return std::unexpected(Unexpected(answer));
  messaging::QueueStats stats;
  stats.ready = static_cast<std::uint64_t>(answer[0].integer());
  stats.unsettled = static_cast<std::uint64_t>(answer[1].integer());
  stats.delayed = static_cast<std::uint64_t>(answer[2].integer());
  stats.consumers = static_cast<std::uint64_t>(answer[3].integer());
  if (answer[4].integer() >= 0) stats.oldest = std::chrono::milliseconds(answer[4].integer());
  co_return stats;
}

Task<Result<std::uint64_t>> RedisTransport::Core::Purge(std::string queue) {
  const auto self = shared_from_this();
  const auto before = co_await Stats(queue);
  if (!before) co_return std::unexpected(before.error());
  // Not what comes while it runs, or it might never end.
  const std::uint64_t goal = before->ready + before->delayed;
  const QueueKeys keys = keys_.Queue(queue);
  std::uint64_t purged = 0;
  while (purged < goal) {
    Arguments arguments{"4", keys.options, keys.ready, keys.messages, keys.delayed};
    arguments.Add(std::min<std::int64_t>(kPurgeStep, static_cast<std::int64_t>(goal - purged)));
    const auto reply = co_await client_->Call(scripts::kPurge, std::move(arguments));
    if (!reply) co_return std::unexpected(reply.error());
    if ((*reply)->text() == "MISSING") break;
    if ((*reply)->integer() <= 0) break;
    purged += static_cast<std::uint64_t>((*reply)->integer());
  }
  QueueOf(queue)->Count(LossCause::kPurged, purged);
  co_return purged;
}

Task<Status> RedisTransport::Core::DeleteQueue(std::string queue) {
  const auto self = shared_from_this();
  if (auto named = messaging::CheckName(queue); !named) co_return named;
  const std::string dead = messaging::DeadLetterQueue(queue);
  Arguments arguments{"15"};
  for (const std::string& name : {queue, dead}) {
    const QueueKeys keys = keys_.Queue(name);
    arguments.AddAll(Arguments{keys.options, keys.ready, keys.messages, keys.leased, keys.delayed, keys.consumers});
  }
  arguments.AddAll(Arguments{keys_.Queues(), keys_.Bindings(), keys_.Topology(), queue, dead});
  const auto reply = co_await client_->Call(scripts::kDeleteQueue, std::move(arguments));
  if (!reply) co_return std::unexpected(reply.error());
  declared_queues_.erase(queue);
  std::erase_if(declared_bindings_, [&](const auto& binding) { return binding.queue == queue; });
  exclusive_.erase(queue);
  limited_.erase(queue);
  expiring_.erase(queue);
  if ((*reply)->text() == "MISSING") co_return Fail(ErrorCode::kNotFound, "there is no queue " + queue);
  if (options_.ledger != nullptr) {
    options_.ledger->Count(LossCause::kPurged, queue, static_cast<std::uint64_t>((*reply)->integer()));
  }
  co_return Status();
}

Task<Result<std::vector<std::string>>> RedisTransport::Core::Queues() {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return std::unexpected(open.error());
  const auto reply = co_await client_->Call(Arguments{"SMEMBERS", keys_.Queues()}, true);
  if (!reply) co_return std::unexpected(reply.error());
  std::vector<std::string> names;
  for (const Value name : **reply) {
    // An exclusive one that expired is in the set still.
    const auto there = co_await CheckQueue(std::string(name.text()));
    if (there) names.emplace_back(name.text());
    if (!there && there.error().code() != ErrorCode::kNotFound) co_return std::unexpected(there.error());
  }
  std::ranges::sort(names);
  co_return names;
}

}  // namespace tidings::redis
