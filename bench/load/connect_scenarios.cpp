// idle and connect: what a connection holds, and what it costs to come.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "load/clock.hpp"
#include "load/populate.hpp"
#include "load/process_stats.hpp"
#include "load/scenario.hpp"

namespace tidings::bench {
namespace {

constexpr std::uint32_t kRoomSize = 1000;
constexpr std::uint64_t kSettle = 2'000'000;  // microseconds

Population RoomsFor(std::uint32_t connections) {
  const std::uint32_t rooms = std::max(1u, connections / kRoomSize);
  return {.rooms = rooms, .members = connections / rooms, .senders = rooms};
}

// One message to each room shows that all are in.
void ShowThatAllAreIn(Run& run, Traffic& traffic, std::uint32_t rooms) {
  run.report.Add("deliveries", traffic.SendWindows(1, 60, rooms).deliveries);
  traffic.Conclude(run.report);
}

}  // namespace

bool RunIdle(Run& run) {
  const Population population = RoomsFor(run.options.connections != 0 ? run.options.connections : 10000);
  const std::uint32_t connections = population.rooms * population.members;
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  if (!Populate(run, population, *traffic)) return false;
  const std::uint64_t before = ResidentKib(run.options.pid);
  if (!traffic->Join()) return false;
  traffic->swarm().RunUntil([] { return false; }, NowMicros() + kSettle);
  const std::uint64_t after = ResidentKib(run.options.pid);
  run.report.Add("connections", connections);
  run.report.Add("rss_before_kib", before);
  run.report.Add("rss_after_kib", after);
  run.report.Add("rss_kib_per_connection",
                 (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(connections));
  ShowThatAllAreIn(run, *traffic, population.rooms);
  return true;
}

bool RunConnect(Run& run) {
  const Population population = RoomsFor(run.options.connections != 0 ? run.options.connections : 5000);
  const std::uint32_t connections = population.rooms * population.members;
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  if (!Populate(run, population, *traffic)) return false;
  const std::uint64_t cpu = CpuMicros(run.options.pid);
  const std::uint64_t start = NowMicros();
  if (!traffic->Join()) return false;
  const double seconds = static_cast<double>(NowMicros() - start) / 1e6;
  const auto spent = static_cast<double>(CpuMicros(run.options.pid) - cpu);
  run.report.Add("connections", connections);
  run.report.Add("seconds", seconds);
  run.report.Add("cpu_us_per_connect", spent / static_cast<double>(connections));
  run.report.Add("connects_per_second", static_cast<double>(connections) / seconds);
  ShowThatAllAreIn(run, *traffic, population.rooms);
  return true;
}

}  // namespace tidings::bench
