// Latencies in microseconds, in buckets that are exact below 128 us and within 1.6 % above.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace tidings::bench {

class Histogram {
 public:
  void Add(std::uint64_t micros) {
    ++buckets_[Bucket(micros)];
    ++count_;
  }

  void Clear() { *this = Histogram(); }

  std::uint64_t count() const { return count_; }

  // The latency below which `share` (0 to 1) of the samples lie, in milliseconds; 0 without samples.
  double Millis(double share) const {
    if (count_ == 0) return 0;
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(count_ - 1));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return Lowest(i) / 1000.0;
    }
    return 0;
  }

 private:
  static constexpr int kPrecision = 6;  // bits kept below the leading one
  static constexpr int kExact = kPrecision + 1;
  static constexpr int kLargest = 36;

  static std::size_t Bucket(std::uint64_t micros) {
    micros = std::min(micros, (std::uint64_t{1} << kLargest) - 1);
    const int width = std::bit_width(micros);
    if (width <= kExact) return micros;
    const int shift = width - kExact;
    return (static_cast<std::size_t>(shift) << kPrecision) + (micros >> shift);
  }

  static double Lowest(std::size_t bucket) {
    if (bucket < (std::size_t{1} << kExact)) return static_cast<double>(bucket);
    const std::size_t shift = (bucket >> kPrecision) - 1;
    return static_cast<double>((bucket - (shift << kPrecision)) << shift);
  }

  std::array<std::uint32_t, (kLargest - kExact + 2) << kPrecision> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace tidings::bench
