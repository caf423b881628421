// FailureLog: a line in the log for what failed, at most so many a second for each handler.
//
//   router.Use(std::make_shared<FailureLog>(timers.clock()));
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <tidings/base/rate_limiter.hpp>
#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {

class FailureLog final : public Middleware {
 public:
  // `clock` outlives it.
  explicit FailureLog(const Clock& clock, double lines_per_second = 1, double burst = 10);
  Task<Verdict> Handle(Context& context, Next next) override { return next(context); }
  void Settled(const Context& context, const Verdict& verdict) override;

  std::uint64_t written() const { return written_; }
  // Left out; the handler's next line says how many.
  std::uint64_t suppressed() const { return suppressed_; }

 private:
  RateLimiter limiter_;
  std::map<std::string, std::uint64_t> left_out_;
  std::uint64_t written_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace tidings::messaging
