#include <tidings/base/rate_limiter.hpp>

#include <algorithm>
#include <cmath>

namespace tidings {

// A bucket is kept as the time at which it will be full: each token taken moves that time on, and a take is allowed as
// long as it stays within a burst from now (the generic cell rate algorithm, ITU-T I.371).

RateLimiter::RateLimiter(const Clock& clock, RateLimit limit, std::size_t max_keys)
    : clock_(clock),
      token_micros_(1e6 / limit.per_second),
      burst_(std::max(limit.burst, 1.0)),
      max_keys_(std::max<std::size_t>(max_keys, 1)) {}

Millis RateLimiter::Take(std::string_view key, double cost) {
  const std::int64_t now = clock_.Steady() * 1000;
  const auto found = buckets_.find(key);
  const std::int64_t full_at = found == buckets_.end() ? now : std::max(found->second->full_at, now);
  const auto after = full_at + static_cast<std::int64_t>(std::ceil(std::min(cost, burst_) * token_micros_));
  const auto latest = now + static_cast<std::int64_t>(std::ceil(burst_ * token_micros_));

  // A bucket that had to be forgotten is full, so a refused key is always a kept one.
  if (found != buckets_.end()) by_use_.splice(by_use_.begin(), by_use_, found->second);
  if (after > latest) return (after - latest + 999) / 1000;
  if (found != buckets_.end()) {
    found->second->full_at = after;
    return 0;
  }
  by_use_.push_front({std::string(key), after});
  buckets_.emplace(by_use_.front().key, by_use_.begin());
  if (buckets_.size() > max_keys_) {
    buckets_.erase(by_use_.back().key);
    by_use_.pop_back();
  }
  return 0;
}

}  // namespace tidings
