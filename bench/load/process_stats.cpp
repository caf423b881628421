#include "load/process_stats.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "load/scan.hpp"

namespace tidings::bench {
namespace {

std::string ReadFile(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::uint64_t CpuMicros(pid_t pid) {
  const std::string stat = ReadFile(pid, "stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;  // proc(5): utime and stime are fields 14 and 15
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return (user + system) * 1000000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
}

std::uint64_t ResidentKib(pid_t pid) {
  const std::string status = ReadFile(pid, "status");
  const std::size_t at = status.find("VmRSS:");
  if (at == std::string::npos) return 0;
  return NumberAt(status, status.find_first_of("0123456789", at)).value_or(0);
}

}  // namespace tidings::bench
