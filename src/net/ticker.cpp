#include <tidings/net/ticker.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace tidings::net {

Ticker::Ticker(EventLoop& loop, std::move_only_function<std::optional<Millis>()> next,
               std::move_only_function<void(Millis)> tick)
    : loop_(loop), next_(std::move(next)), tick_(std::move(tick)) {
  hook_ = loop_.AtTurnEnd([this] { Look(); });
}

Ticker::~Ticker() {
  loop_.RemoveHook(hook_);
  loop_.Cancel(timer_);
}

void Ticker::Look() {
  const auto deadline = next_();
  if (deadline == armed_) return;
  // A deadline that moved back costs one tick too many, which is cheaper than a timer moved with every message.
  if (armed_ && deadline && *deadline > *armed_) return;
  loop_.Cancel(timer_);
  armed_ = deadline;
  if (!deadline) return;
  const Millis wait = std::max<Millis>(*deadline - loop_.clock().Steady(), 0);
  timer_ = loop_.RunAfter(std::chrono::milliseconds(wait), [this] {
    armed_.reset();
    tick_(loop_.Now());
  });
}

}  // namespace tidings::net
