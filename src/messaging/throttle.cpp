#include <tidings/messaging/throttle.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "waiting_room.hpp"

namespace tidings::messaging {

// A bucket kept as the time at which it is full again; each message takes its token ahead and then waits for it, so that
// they go in the order in which they came.
class Throttle::Rule final : public Middleware {
 public:
  Rule(double per_second, double burst)
      : token_micros_(std::max<std::int64_t>(std::llround(1e6 / per_second), 1)),
        burst_micros_(std::llround(std::max(burst, 1.0) * static_cast<double>(token_micros_))) {}

  Task<Verdict> Handle(Context& context, Next next) override {
    const Millis now = context.timers().Steady();
    full_at_ = std::max(full_at_, now * 1'000) + token_micros_;
    const Millis turn = (full_at_ - burst_micros_ + 999) / 1'000;
    for (Millis left = turn - now; left > 0; left = turn - context.timers().Steady()) {
      if (!co_await room_.Wait(context, std::chrono::milliseconds(left))) {
        full_at_ -= token_micros_;
        co_return Verdict::Return();
      }
    }
    co_return co_await next(context);
  }
  void Stopping() override { room_.LetGo(); }

 private:
  std::int64_t token_micros_;
  std::int64_t burst_micros_;
  std::int64_t full_at_ = 0;
  WaitingRoom room_;
};

Throttle::Throttle(double per_second, double burst) : rule_(std::make_shared<Rule>(per_second, burst)) {}
void Throttle::AddTo(HandlerSettings& settings) const { settings.middlewares.push_back(rule_); }

}  // namespace tidings::messaging
