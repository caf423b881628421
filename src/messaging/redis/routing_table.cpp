#include "routing_table.hpp"

#include <algorithm>

#include "scripts.hpp"

namespace tidings::redis {
namespace {

using messaging::ExchangeKind;

constexpr std::size_t kMostTargets = 10'000;

std::optional<ExchangeKind> KindOf(std::string_view name) {
  for (const ExchangeKind kind : {ExchangeKind::kDirect, ExchangeKind::kTopic, ExchangeKind::kFanout}) {
    if (Name(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const Target> RoutingTable::Make(const std::string& exchange, const std::string& routing_key,
                                                 std::vector<std::string> queues) const {
  const auto target = std::make_shared<Target>();
  target->exchange = exchange;
  target->routing_key = routing_key;
  target->version = exchange.empty() ? std::string() : version_;
  target->head.Add(static_cast<std::int64_t>(1 + 4 * queues.size())).Add(keys_.Topology());
  Arguments wakes;
  for (const std::string& queue : queues) {
    const QueueKeys keys = keys_.Queue(queue);
    target->head.Add(keys.options).Add(keys.ready).Add(keys.messages).Add(keys.delayed);
    wakes.Add(keys.wake);
  }
  target->head.Add(target->version).Add(static_cast<std::int64_t>(queues.size())).AddAll(wakes);
  target->queues = std::move(queues);
  return target;
}

std::shared_ptr<const Target> RoutingTable::Straight(const std::string& queue) {
  if (targets_.size() > kMostTargets) targets_.clear();
  auto& target = targets_[" " + queue];
  if (!target) target = Make("", queue, {queue});
  return target;
}

std::shared_ptr<const Target> RoutingTable::Route(const std::string& exchange, const std::string& routing_key) {
  const auto found = exchanges_.find(exchange);
  if (found == exchanges_.end()) return nullptr;
  if (targets_.size() > kMostTargets) targets_.clear();
  auto& target = targets_[exchange + " " + routing_key];
  if (target) return target;
  std::vector<std::string> queues;
  for (const messaging::Binding& binding : found->second.bindings) {
    if (Routes(found->second.kind, binding.pattern, routing_key)) queues.push_back(binding.queue);
  }
  // One copy for each queue, however many of its bindings match.
  std::ranges::sort(queues);
  queues.erase(std::ranges::unique(queues).begin(), queues.end());
  target = Make(exchange, routing_key, std::move(queues));
  return target;
}

Task<Status> RoutingTable::Load() {
  Arguments arguments{"3", keys_.Exchanges(), keys_.Bindings(), keys_.Topology()};
  const auto client = client_;
  const auto reply = co_await client->Call(scripts::kReadTopology, std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  const Value& answer = **reply;
  if (answer.size() != 3) co_return Fail(ErrorCode::kInternal, "unexpected from Redis: " + answer.Describe());
  exchanges_.clear();
  std::erase_if(targets_, [](const auto& target) { return !target.second->exchange.empty(); });
  version_ = answer[0].text();
  const Value kinds = answer[1];
  for (auto part = kinds.begin(); part != kinds.end(); ++part) {
    Exchange& exchange = exchanges_[std::string((*part).text())];
    ++part;
    const auto kind = KindOf((*part).text());
    if (!kind) co_return Fail(ErrorCode::kInternal, "an exchange of an unknown kind: " + std::string((*part).text()));
    exchange.kind = *kind;
  }
  for (const Value binding : answer[2]) {
    const std::string_view text = binding.text();
    const std::size_t first = text.find(' ');
    const std::size_t second = text.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const auto exchange = exchanges_.find(text.substr(0, first));
    if (exchange == exchanges_.end()) continue;
    exchange->second.bindings.emplace_back(std::string(text.substr(0, first)),
                                           std::string(text.substr(first + 1, second - first - 1)),
                                           std::string(text.substr(second + 1)));
  }
  co_return Status();
}

}  // namespace tidings::redis
