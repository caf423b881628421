#pragma once

#include <chrono>
#include <cstdint>

namespace tidings::bench {

// Monotonic microseconds.
inline std::uint64_t NowMicros() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace tidings::bench
