// What the store counts, for metrics. Written by its threads, read by anyone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <tidings/base/histogram.hpp>

namespace tidings::sqlite {

class Stats {
 public:
  std::atomic<std::uint64_t> commits{0};           // that wrote
  std::atomic<std::uint64_t> units{0};             // that ran
  std::atomic<std::uint64_t> refused{0};           // that ran and returned an error
  std::atomic<std::uint64_t> turned_away{0};       // that never ran: queue full, disk full, closing
  std::atomic<std::uint64_t> events{0};            // appended
  std::atomic<std::uint64_t> rollbacks{0};         // of whole batches
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> checkpoints_held{0};  // that readers kept from emptying the log
  std::atomic<std::uint64_t> wal_bytes{0};         // that a checkpoint has not yet moved
  std::atomic<std::uint64_t> wal_file_bytes{0};
  std::atomic<std::uint64_t> waiting{0};           // units
  // Microseconds of whole batches (run and commit), of commits alone, and of checkpoints.
  Histogram<12> batch_micros{{50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 200'000, 1'000'000}};
  Histogram<12> commit_micros{{50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 200'000, 1'000'000}};
  Histogram<12> checkpoint_micros{
      {100, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 200'000, 1'000'000, 5'000'000}};
  Histogram<11> batch_units{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024}};
};

}  // namespace tidings::sqlite
