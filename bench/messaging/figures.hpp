// What each program of this benchmark prints: one JSON object a line.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace figures {

using Clock = std::chrono::steady_clock;

inline double MicrosSince(Clock::time_point then) {
  return std::chrono::duration<double, std::micro>(Clock::now() - then).count();
}

inline double CpuMicros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// From its making to Print. Latencies are those of single messages under way, in microseconds.
class Run {
 public:
  Run() : cpu_(CpuMicros()), begin_(Clock::now()) {}
  void Print(const char* what, std::uint64_t messages, std::vector<double> latencies = {}) const {
    const double micros = MicrosSince(begin_);
    const double cpu = CpuMicros() - cpu_;
    const auto count = static_cast<double>(messages);
    std::printf(R"({"what":"%s","messages":%.0f,"cpu_us":%.3f,"per_second":%.0f)", what, count, cpu / count,
                count / micros * 1e6);
    if (!latencies.empty()) {
      std::ranges::sort(latencies);
      std::printf(R"(,"p50_us":%.1f,"p99_us":%.1f)", latencies[latencies.size() / 2],
                  latencies[latencies.size() * 99 / 100]);
    }
    std::printf("}\n");
  }

 private:
  double cpu_;
  Clock::time_point begin_;
};

}  // namespace figures
