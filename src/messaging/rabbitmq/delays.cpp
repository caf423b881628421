#include "delays.hpp"

#include <algorithm>
#include <array>

namespace tidings::messaging::rabbitmq {
namespace {

using std::chrono::milliseconds;

// An unused delay queue is kept for twice its delay and this.
constexpr milliseconds kSpare = std::chrono::minutes(10);

}  // namespace

milliseconds TierOf(milliseconds delay) {
  constexpr std::array<std::int64_t, 10> kSteps = {100, 125, 160, 200, 250, 300, 400, 500, 600, 800};  // hundredths
  // The broker's limit of a time to live is 2^32 - 1 ms; 30 days are within it.
  constexpr std::int64_t kMost = 30LL * 24 * 3600 * 1000;
  const std::int64_t wanted = std::clamp<std::int64_t>(delay.count(), 10, kMost);
  for (std::int64_t decade = 10;; decade *= 10) {
    for (const std::int64_t step : kSteps) {
      // Not all steps are whole milliseconds in the first decade.
      const std::int64_t tier = (decade * step + 99) / 100;
      if (tier >= wanted) return milliseconds(tier);
    }
  }
}

std::string DelayQueue(std::string_view queue, milliseconds tier) {
  return std::string(queue) + ".retry." + std::to_string(tier.count());
}

QueueArguments DelayArguments(const std::string& queue, milliseconds tier, bool durable) {
  QueueArguments arguments;
  arguments.durable = durable;
  Writer writer(arguments.table);
  TableWriter table(writer);
  if (durable) {
    table.Text("x-queue-type", "quorum")
        .Text("x-dead-letter-strategy", "at-least-once")
        .Text("x-overflow", "reject-publish");
  }
  table.Text("x-dead-letter-exchange", "").Text("x-dead-letter-routing-key", queue);
  table.Integer("x-message-ttl", tier.count());
  table.Integer("x-expires", (tier * 2 + kSpare).count());
  table.End();
  arguments.table.erase(0, 4);
  return arguments;
}

Task<Result<std::string>> Delays::Prepare(std::string queue, milliseconds delay, bool durable, milliseconds timeout) {
  const milliseconds tier = TierOf(delay);
  std::string name = DelayQueue(queue, tier);
  const auto known = uses_.find(name);
  const bool fresh = known != uses_.end() && known->second.connection == link_->times_connected() &&
                     timers_.Steady() - known->second.declared < (kSpare / 2).count();
  if (fresh) co_return name;
  const Deadline deadline(timers_, timeout);
  for (bool declared = false; !declared;) {
    const auto connection = co_await link_->Ready(deadline.left());
    if (!connection) co_return std::unexpected(connection.error());
    Scratch scratch(*connection);
    // Not passively first: what bears this name is the library's own.
    const auto made = co_await scratch.DeclareQueue(name, DelayArguments(queue, tier, durable));
    declared = made.has_value();
    // A connection that broke is no answer.
    if (!declared && ((*connection)->open() || deadline.over() || link_->stopped())) {
      co_return std::unexpected(made.error().Within("queue " + name));
    }
  }
  Use use;
  use.queue = queue;
  use.declared = timers_.Steady();
  use.connection = link_->times_connected();
  uses_.insert_or_assign(name, std::move(use));
  co_return name;
}

std::vector<std::string> Delays::Of(std::string_view queue) const {
  std::vector<std::string> names;
  for (const auto& [name, use] : uses_) {
    if (use.queue == queue) names.push_back(name);
  }
  return names;
}

void Delays::Forget(std::string_view queue) {
  std::erase_if(uses_, [&](const auto& entry) { return entry.second.queue == queue || entry.first == queue; });
}

}  // namespace tidings::messaging::rabbitmq
