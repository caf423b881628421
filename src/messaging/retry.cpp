#include <tidings/messaging/retry.hpp>

#include <algorithm>
#include <cmath>

#include <tidings/base/id.hpp>
#include <tidings/messaging/handler_settings.hpp>

namespace tidings::messaging {
namespace {

double KernelRandom() { return static_cast<double>(RandomU64() >> 11) / 9007199254740992.0; }

}  // namespace

Retry& Retry::Immediate(std::uint32_t times) {
  Default();
  delays_.insert(delays_.begin(), times, Milliseconds(0));
  return *this;
}

Retry& Retry::BackOff(Milliseconds first, double factor, Milliseconds most, std::uint32_t times) {
  Default();
  double delay = static_cast<double>(first.count());
  for (std::uint32_t i = 0; i < times; ++i) {
    delays_.emplace_back(std::min(most.count(), static_cast<Milliseconds::rep>(std::llround(delay))));
    delay = std::min(delay * std::max(factor, 1.0), static_cast<double>(most.count()));
  }
  return *this;
}

Retry& Retry::Jitter(double share, std::function<double()> random) {
  jitter_ = std::clamp(share, 0.0, 1.0);
  random_ = std::move(random);
  return *this;
}

std::optional<Retry::Milliseconds> Retry::After(std::uint32_t attempt) const {
  if (attempt == 0 || attempt > delays_.size()) return std::nullopt;
  const Milliseconds delay = delays_[attempt - 1];
  if (delay.count() == 0 || jitter_ == 0) return delay;
  const double random = random_ ? random_() : KernelRandom();
  return delay + Milliseconds(std::llround(static_cast<double>(delay.count()) * jitter_ * random));
}

Retry::Milliseconds Retry::Longest() const {
  Milliseconds all(0);
  for (const Milliseconds delay : delays_) {
    all += delay + Milliseconds(std::llround(static_cast<double>(delay.count()) * jitter_));
  }
  return all;
}

void Retry::AddTo(HandlerSettings& settings) const { settings.retry = *this; }

}  // namespace tidings::messaging
