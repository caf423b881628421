#include "process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace tidings::app {

namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The number of the open directory's own descriptor is in it too.
std::uint64_t OpenFiles() {
  std::uint64_t count = 0;
  std::error_code failure;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", failure);
       !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;
}

// The start, from the 22nd field of /proc/self/stat (ticks since boot) and the time of boot.
double Started() {
  std::ifstream stat("/proc/self/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(line.substr(end + 1));
  std::string field;
  for (int i = 3; i <= 21; ++i) fields >> field;
  double ticks = 0;
  fields >> ticks;
  std::ifstream system("/proc/stat");
  double boot = 0;
  for (std::string name; system >> name;) {
    if (name == "btime" && system >> boot) break;
    std::getline(system, line);
  }
  return boot == 0 ? 0 : boot + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessUsage UsageOfProcess() {
  static const double started = Started();
  ProcessUsage usage;
  usage.started = started;
  rusage resources{};
  if (getrusage(RUSAGE_SELF, &resources) == 0) {
    usage.cpu_seconds = Seconds(resources.ru_utime) + Seconds(resources.ru_stime);
  }
  std::ifstream pages("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (pages >> all >> resident) {
    const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    usage.virtual_bytes = all * size;
    usage.resident_bytes = resident * size;
  }
  usage.open_files = OpenFiles();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.most_files = limit.rlim_cur;
  return usage;
}

}  // namespace tidings::app
