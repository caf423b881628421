// What this process takes of the machine.
#pragma once

#include <cstdint>

namespace tidings::app {

struct ProcessUsage {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t most_files = 0;
  double started = 0;  // seconds since 1970
};

// Reads /proc/self; what cannot be read is 0.
ProcessUsage UsageOfProcess();

}  // namespace tidings::app
