// The runs that the generator knows; ../README.md says what each is for.
#pragma once

#include "load/options.hpp"
#include "load/protocol.hpp"
#include "load/report.hpp"
#include "load/world.hpp"

namespace tidings::bench {

struct Run {
  const Options& options;
  Protocol& protocol;
  World& world;
  Report& report;
};

// Each adds its figures to the report, and returns false, with a line on standard error, where it could not be done.
bool RunFanout(Run& run);
bool RunRooms(Run& run);
bool RunCreate(Run& run);
bool RunSends(Run& run);
bool RunPaced(Run& run);
bool RunReads(Run& run);
bool RunIdle(Run& run);
bool RunConnect(Run& run);
bool RunCatchup(Run& run);
bool RunHistory(Run& run);

}  // namespace tidings::bench
