#include <tidings/messaging/circuit_breaker.hpp>

#include <algorithm>

#include <tidings/base/log.hpp>

#include "waiting_room.hpp"

namespace tidings::messaging {

class CircuitBreaker::Rule final : public Middleware {
 public:
  Rule(std::uint32_t failures, std::chrono::milliseconds pause)
      : failures_(std::max<std::uint32_t>(failures, 1)), pause_(pause) {}

  Task<Verdict> Handle(Context& context, Next next) override {
    while (state_ != State::kClosed) {
      const Millis left = until_ - context.timers().Steady();
      if (state_ == State::kOpen && left <= 0) {
        state_ = State::kHalfOpen;
        co_return co_await Probe(context, next);
      }
      // The probe's end wakes them; the pause is only how often they look.
      const auto wait = state_ == State::kOpen ? std::chrono::milliseconds(left) : pause_;
      if (!co_await room_.Wait(context, wait)) co_return Verdict::Return();
    }
    Verdict verdict = co_await next(context);
    if (state_ != State::kClosed) co_return verdict;
    in_a_row_ = AtFault(verdict) ? in_a_row_ + 1 : 0;
    if (in_a_row_ >= failures_) Open(context);
    co_return verdict;
  }
  void Stopping() override { room_.LetGo(); }

  State state() const { return state_; }
  std::uint64_t opened() const { return opened_; }

 private:
  // Whatever ends it, it ends half-open.
  Task<Verdict> Probe(Context& context, Next next) {
    bool decided = false;
    const std::unique_ptr<bool, std::function<void(bool*)>> guard(&decided, [&](const bool* done) {
      if (!*done) Open(context);
    });
    Verdict verdict = co_await next(context);
    if (AtFault(verdict) || verdict.kind() == Verdict::Kind::kReturn) co_return verdict;
    decided = true;
    state_ = State::kClosed;
    in_a_row_ = 0;
    log::Info("a circuit breaker closed", {{"handler", context.consumer()}});
    room_.LetGo();
    co_return verdict;
  }

  void Open(const Context& context) {
    state_ = State::kOpen;
    until_ = context.timers().Steady() + pause_.count();
    in_a_row_ = 0;
    ++opened_;
    log::Warning("a circuit breaker opened: its handler rests",
                 {{"handler", context.consumer()}, {"milliseconds", pause_.count()}});
    room_.LetGo();
  }

  static bool AtFault(const Verdict& verdict) {
    return verdict.failure() && !(verdict.kind() == Verdict::Kind::kBury && verdict.reason() != DeathReason::kFailed);
  }

  std::uint32_t failures_;
  std::chrono::milliseconds pause_;
  State state_ = State::kClosed;
  std::uint32_t in_a_row_ = 0;
  Millis until_ = 0;
  std::uint64_t opened_ = 0;
  WaitingRoom room_;
};

CircuitBreaker::CircuitBreaker(std::uint32_t failures, std::chrono::milliseconds pause)
    : rule_(std::make_shared<Rule>(failures, pause)) {}
CircuitBreaker::State CircuitBreaker::state() const { return rule_->state(); }
std::uint64_t CircuitBreaker::opened() const { return rule_->opened(); }
void CircuitBreaker::AddTo(HandlerSettings& settings) const { settings.middlewares.push_back(rule_); }

}  // namespace tidings::messaging
