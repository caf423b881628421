#include <tidings/app/commands.hpp>

#include "access.hpp"
#include "faults.hpp"

namespace tidings::app {

Status Verify(const Config& config, std::ostream& out) {
  Progress progress;
  auto snapshot = Snapshot::Take(
      config.data, [&](std::uint64_t done, std::uint64_t all) { progress.Tell("copying pages", done, all); });
  if (!snapshot) return std::unexpected(snapshot.error());
  const auto examined = FindFaults(snapshot->store(), progress);
  progress.Clear();
  if (!examined) return std::unexpected(examined.error());
  for (const std::string& finding : examined->findings) out << finding << '\n';
  if (const std::size_t found = examined->findings.size(); found > 0) {
    return Fail(ErrorCode::kInternal,
                "the store in " + config.data + " is not as it should be: " + std::to_string(found) +
                    (found == 1 ? " finding" : " findings") + "; keep a copy of it, and restore a backup");
  }
  out << "verified " << examined->events << " events: no findings\n";
  return {};
}

}  // namespace tidings::app
