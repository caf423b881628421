// Token buckets by key: so many actions a second, with a burst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tidings/base/clock.hpp>

namespace tidings {

struct RateLimit {
  double per_second = 0;  // above 0
  double burst = 1;       // how many at once after a rest; 1 or more
};

//   RateLimiter sends(clock, {.per_second = 10, .burst = 30}, 100'000);
//   if (const Millis wait = sends.Take(user_id); wait > 0) return RetryAfter(wait);
//
// Keeps at most `max_keys` buckets; past that, the bucket that was asked for the longest time ago is forgotten, that is
// full again. One thread at a time; the clock outlives it.
class RateLimiter {
 public:
  RateLimiter(const Clock& clock, RateLimit limit, std::size_t max_keys);

  // Takes `cost` tokens out of the key's bucket: 0 if it had them, else nothing is taken and the answer is the
  // milliseconds (1 or more) after which it will have them. A cost above the burst counts as the burst.
  [[nodiscard]] Millis Take(std::string_view key, double cost = 1);

  // How many buckets are kept.
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::string key;
    std::int64_t full_at;  // microseconds of the steady clock at which the bucket is full
  };

  const Clock& clock_;
  double token_micros_;  // how long one token takes to come
  double burst_;
  std::size_t max_keys_;
  std::list<Bucket> by_use_;                                                   // newest first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> buckets_;  // keys point into by_use_
};

}  // namespace tidings
