#include <tidings/messaging/failure_log.hpp>

#include <tidings/base/log.hpp>

namespace tidings::messaging {

FailureLog::FailureLog(const Clock& clock, double lines_per_second, double burst)
    : limiter_(clock, {.per_second = lines_per_second, .burst = burst}, 1'000) {}

void FailureLog::Settled(const Context& context, const Verdict& verdict) {
  if (!verdict.failure()) return;
  if (limiter_.Take(context.consumer()) > 0) {
    ++suppressed_;
    ++left_out_[context.consumer()];
    return;
  }
  ++written_;
  std::uint64_t left_out = 0;
  if (const auto found = left_out_.find(context.consumer()); found != left_out_.end()) {
    left_out = found->second;
    left_out_.erase(found);
  }
  const bool dead = verdict.kind() == Verdict::Kind::kBury;
  log::Warning(dead ? "a message went to the dead letters" : "a message failed and will be tried again",
               {{"handler", context.consumer()},
                {"queue", context.queue()},
                {"id", context.message().id},
                {"type", context.message().type},
                {"error", verdict.error().message()},
                {"left_out", left_out}});
}

}  // namespace tidings::messaging
