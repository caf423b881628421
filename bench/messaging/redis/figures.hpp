// What each client of this bench is told and what it prints.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bench {

// PORT lists|streams MESSAGES WINDOW
class Order {
 public:
  Order(int count, char** values) {
    if (count != 5) {
      std::fprintf(stderr, "usage: %s PORT lists|streams MESSAGES WINDOW\n", values[0]);
      std::exit(2);
    }
    port = static_cast<std::uint16_t>(std::atoi(values[1]));
    streams = std::string_view(values[2]) == "streams";
    messages = std::strtoull(values[3], nullptr, 10);
    window = std::strtoull(values[4], nullptr, 10);
  }
  std::uint16_t port;
  bool streams;
  std::uint64_t messages;
  std::uint64_t window;
};

inline double CpuMicros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// From its making to Print.
class Measure {
 public:
  Measure() : cpu_(CpuMicros()), begin_(std::chrono::steady_clock::now()) {}
  void Print(std::uint64_t messages) const {
    const double cpu = CpuMicros() - cpu_;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    std::printf("{\"cpu_us\":%.3f,\"rate\":%.0f}\n", cpu / static_cast<double>(messages),
                static_cast<double>(messages) / took.count());
  }

 private:
  double cpu_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace bench
