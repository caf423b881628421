#pragma once

#include <sys/types.h>

#include <cstdint>

namespace tidings::bench {

// User and system time of all threads of the process so far, in microseconds (a multiple of the kernel's tick).
std::uint64_t CpuMicros(pid_t pid);

// The memory of the process that is resident, in KiB.
std::uint64_t ResidentKib(pid_t pid);

}  // namespace tidings::bench
