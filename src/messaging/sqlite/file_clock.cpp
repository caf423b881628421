#include "file_clock.hpp"

#include <fstream>
#include <string>

namespace tidings::messaging::embedded {
namespace {

// Another one after each start of the machine.
std::string BootId() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

}  // namespace

void FileClock::Anchor(sqlite::Database& database) {
  const std::string boot = BootId();
  if (!boot.empty() && database.Value("SELECT value FROM meta WHERE name = 'boot'") == boot) {
    offset_ = database.Number("SELECT value FROM meta WHERE name = 'clock_offset'");
    return;
  }
  offset_ = clock_.Now() - clock_.Steady();
  sqlite::Statement set(database, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)");
  set.Execute("boot", boot);
  set.Execute("clock_offset", offset_);
}

}  // namespace tidings::messaging::embedded
