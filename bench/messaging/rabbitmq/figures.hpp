// What each client of this benchmark prints: one JSON object a run.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace figures {

inline double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Run {
 public:
  Run() : cpu_(CpuSeconds()), begin_(std::chrono::steady_clock::now()) {}
  void Print(const char* client, int window, int messages, std::vector<double> latencies = {}) const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double cpu = CpuSeconds() - cpu_;
    std::printf(R"({"client":"%s","window":%d,"messages":%d,"cpu_us":%.3f,"per_second":%.0f)", client, window, messages,
                cpu / messages * 1e6, messages / seconds);
    if (!latencies.empty()) {
      std::ranges::sort(latencies);
      std::printf(R"(,"p50_us":%.0f,"p99_us":%.0f)", latencies[latencies.size() / 2],
                  latencies[latencies.size() * 99 / 100]);
    }
    std::printf("}\n");
  }

 private:
  double cpu_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace figures
