#include <tidings/messaging/router.hpp>

#include <utility>

#include "consumption.hpp"

namespace tidings::messaging {

class Router::Entry {
 public:
  explicit Entry(std::shared_ptr<Plan> plan_) : plan(std::move(plan_)) {}
  std::shared_ptr<Plan> plan;
  std::shared_ptr<Consumption> consumption;
};

Router::Router(Transport& transport, Timers& timers) : transport_(transport), timers_(timers) {}

Router::~Router() = default;

void Router::Use(std::shared_ptr<Middleware> middleware) { middlewares_.push_back(std::move(middleware)); }

void Router::SubscribeAny(std::string queue, HandlerSettings settings, AnyHandler handler) {
  if (settings.name.empty()) settings.name = queue;
  entries_.push_back(
      std::make_unique<Entry>(std::make_shared<Plan>(std::move(queue), std::move(settings), std::move(handler))));
}

Task<Status> Router::Start() {
  if (running_) co_return Status();
  running_ = true;
  Status opened;
  for (auto& entry : entries_) {
    Plan& plan = *entry->plan;
    // Once: a handler that was left to itself may still be inside.
    if (!plan.prepared) {
      plan.prepared = true;
      plan.chain = middlewares_;
      plan.chain.insert(plan.chain.end(), plan.settings.middlewares.begin(), plan.settings.middlewares.end());
    }
    entry->consumption = std::make_shared<Consumption>(transport_, timers_, entry->plan);
    opened = co_await entry->consumption->Open();
    if (!opened) break;
  }
  if (!opened) {
    co_await Stop(std::chrono::milliseconds(0));
    co_return opened;
  }
  for (auto& entry : entries_) entry->consumption->Begin();
  co_return opened;
}

Task<void> Router::Stop(std::chrono::milliseconds deadline, std::chrono::milliseconds grace) {
  if (!running_) co_return;
  running_ = false;
  const Millis until = timers_.Steady() + deadline.count();
  for (auto& entry : entries_) {
    if (entry->consumption) entry->consumption->Halt();
  }
  for (auto& entry : entries_) {
    for (const auto& middleware : entry->plan->chain) middleware->Stopping();
  }
  for (auto& entry : entries_) {
    if (entry->consumption) co_await entry->consumption->Stop(until, grace);
    entry->consumption.reset();
  }
}

RouterStats Router::stats() const {
  RouterStats sum;
  for (const auto& entry : entries_) {
    const RouterStats& stats = entry->plan->stats;
    sum.done += stats.done;
    sum.retried += stats.retried;
    sum.buried += stats.buried;
    sum.returned += stats.returned;
    sum.unsettled += stats.unsettled;
    sum.abandoned += stats.abandoned;
    if (!entry->consumption) continue;
    sum.handling += entry->consumption->handling();
    sum.waiting += entry->consumption->waiting();
  }
  return sum;
}

}  // namespace tidings::messaging
