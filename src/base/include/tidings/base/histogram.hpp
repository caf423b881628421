// Counts of values in fixed buckets, for metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tidings {

// Thread-safe; a reader may see a value's count before its sum.
template <std::size_t N>
class Histogram {
 public:
  // Upper bounds of the buckets, rising, each inclusive; values above the last count in a bucket of their own.
  constexpr explicit Histogram(const std::array<std::uint64_t, N>& bounds) : bounds_(bounds) {}

  void Add(std::uint64_t value) {
    std::size_t bucket = 0;
    while (bucket < N && value > bounds_[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  const std::array<std::uint64_t, N>& bounds() const { return bounds_; }
  // How many values fell into the bucket alone; bucket N holds those above the last bound.
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::uint64_t, N> bounds_;
  std::array<std::atomic<std::uint64_t>, N + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace tidings
