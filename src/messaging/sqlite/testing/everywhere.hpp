// A workload on a disk that crashes or fails at its n-th operation, n = 0, step, 2 step …, until it comes through.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "../../../base/sqlite/testing/fault_disk.hpp"

namespace tidings::messaging::testing {

// Run is made from a seed; it has disk(), Work(), refused() and fatal(), and Verdict(), which is nothing, or what is wrong.
template <class Run>
void CrashEverywhere(std::uint64_t step, std::uint64_t least_operations) {
  std::uint64_t operations = 0;
  for (std::uint64_t at = 0;; at += step) {
    SCOPED_TRACE("crash at " + std::to_string(at));
    Run run(1 + at * 1'000);
    run.disk().CrashAt(at);
    run.Work();
    const bool crashed = run.disk().crashed();
    operations = at;
    ASSERT_EQ(run.Verdict(), std::nullopt);
    if (!crashed) break;
  }
  EXPECT_GT(operations, least_operations) << "the workload does not reach the disk";
}

template <class Run>
void FailEverywhere(sqlite::testing::FaultDisk::Fate fate, bool lasting, std::uint64_t step) {
  using Fate = sqlite::testing::FaultDisk::Fate;
  int refused = 0;
  int fatal = 0;
  for (std::uint64_t at = 0;; at += step) {
    SCOPED_TRACE("failure at " + std::to_string(at));
    Run run(7 + at * 1'000);
    run.disk().FailAt(at, fate, lasting);
    run.Work();
    const bool failed = run.disk().failed();
    refused += run.refused();
    fatal += run.fatal() ? 1 : 0;
    if (fate == Fate::kFull) EXPECT_FALSE(run.fatal());
    run.disk().Heal();
    ASSERT_EQ(run.Verdict(), std::nullopt);
    if (!failed && at >= run.disk().operations()) break;
  }
  if (fate == Fate::kFull) EXPECT_GT(refused, 0);
  if (fate == Fate::kError) EXPECT_GT(fatal, 0);
}

}  // namespace tidings::messaging::testing
