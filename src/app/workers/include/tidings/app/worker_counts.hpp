// What the workers counted, for the server's metrics.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tidings::app {

class WorkerCounts {
 public:
  std::string worker;
  std::uint64_t early = 0;   // events that wait now for those before them
  std::uint64_t missed = 0;  // numbers that did not come in time
  std::uint64_t late = 0;    // events that came when later ones were done
  std::uint64_t lost = 0;    // dead letters that there was no room for
};

// Those that go by numbers and ever ran on this data folder, over all their lanes; a file that cannot be read just now is left
// out. Reads the disk; any thread.
std::vector<WorkerCounts> CountWorkers(const std::filesystem::path& data);

}  // namespace tidings::app
