// fanout, rooms, create, sends, paced and reads: messages under way, and what each costs.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "load/clock.hpp"
#include "load/populate.hpp"
#include "load/scan.hpp"
#include "load/scenario.hpp"

namespace tidings::bench {
namespace {

double Per(double amount, std::uint64_t count) { return count == 0 ? 0 : amount / static_cast<double>(count); }

void Summarise(Run& run, const Stretch& stretch, const Traffic& traffic) {
  const auto cpu = static_cast<double>(stretch.server_cpu);
  run.report.Add("seconds", stretch.seconds);
  run.report.Add("sends", stretch.sends);
  run.report.Add("deliveries", stretch.deliveries);
  run.report.Add("cpu_us_per_delivery", Per(cpu, stretch.deliveries));
  run.report.Add("cpu_us_per_send", Per(cpu, stretch.sends));
  run.report.Add("deliveries_per_second", static_cast<double>(stretch.deliveries) / stretch.seconds);
  run.report.Add("sends_per_second", static_cast<double>(stretch.sends) / stretch.seconds);
  run.report.Add("ack_p50_ms", traffic.ack_latency().Millis(0.5));
  run.report.Add("ack_p99_ms", traffic.ack_latency().Millis(0.99));
  run.report.Add("delivery_p50_ms", traffic.delivery_latency().Millis(0.5));
  run.report.Add("delivery_p99_ms", traffic.delivery_latency().Millis(0.99));
  run.report.Add("server_busy", cpu / 1e6 / stretch.seconds);
  run.report.Add("load_busy", static_cast<double>(stretch.load_cpu) / 1e6 / stretch.seconds);
}

bool RunWindows(Run& run, const Population& population, std::uint32_t window) {
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  if (!Populate(run, population, *traffic) || !traffic->Join()) return false;
  traffic->SendWindows(window, run.options.warmup);
  const Stretch stretch = traffic->SendWindows(window, run.options.seconds);
  Summarise(run, stretch, *traffic);
  traffic->Conclude(run.report);
  return true;
}

template <typename Number>
Number Or(Number given, Number otherwise) {
  return given != 0 ? given : otherwise;
}

// Waits until the last message of the room is seen by `readers` others, at most 5 s, and returns how many have seen it.
std::uint64_t AwaitSeen(Run& run, const std::string& room, std::uint64_t readers) {
  const std::uint64_t deadline = NowMicros() + 5'000'000;
  std::uint64_t seen = 0;
  while (seen < readers && NowMicros() < deadline) {
    seen = NumberAfter(run.world.Get("/rooms/" + room + "/messages?limit=1", 0), "\"seen_count\":").value_or(0);
  }
  return seen;
}

}  // namespace

bool RunFanout(Run& run) {
  const Options& options = run.options;
  return RunWindows(run, {.rooms = 1, .members = Or(options.members, 1000u), .senders = 1}, Or(options.window, 1u));
}

bool RunRooms(Run& run) {
  const Options& options = run.options;
  const Population population = {
      .rooms = Or(options.rooms, 200u), .members = Or(options.members, 5u), .senders = Or(options.senders, 100u)};
  return RunWindows(run, population, Or(options.window, 1u));
}

bool RunCreate(Run& run) {
  const Options& options = run.options;
  const std::uint32_t rooms = Or(options.rooms, 200u);
  const Population population = {.rooms = rooms, .members = Or(options.members, 5u), .senders = rooms};
  const std::uint32_t callers = std::min(rooms, Or(options.connections, 32u));
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  if (!Populate(run, population, *traffic)) return false;
  traffic->CallersOnly();
  for (std::uint32_t room = 0; room < rooms; ++room) traffic->SetAuthor(room, run.world.Token(room));
  for (std::uint32_t caller = 0; caller < callers; ++caller) {
    std::vector<std::uint32_t> own;
    for (std::uint32_t room = caller; room < rooms; room += callers) own.push_back(room);
    traffic->AddCaller(std::move(own));
  }
  if (!traffic->Join()) return false;
  traffic->SendWindows(1, options.warmup);
  const Stretch stretch = traffic->SendWindows(1, options.seconds);
  Summarise(run, stretch, *traffic);
  traffic->Conclude(run.report);
  return true;
}

bool RunSends(Run& run) {
  const Options& options = run.options;
  const std::uint32_t rooms = Or(options.rooms, 64u);
  const Population population = {
      .rooms = rooms, .members = Or(options.members, 1u), .senders = Or(options.senders, rooms)};
  return RunWindows(run, population, Or(options.window, 256 / population.senders));
}

bool RunPaced(Run& run) {
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  const Population population = {.rooms = 1, .members = Or(run.options.members, 500u), .senders = 1};
  if (!Populate(run, population, *traffic) || !traffic->Join()) return false;
  const double rate = Or(run.options.rate, 20.0);
  traffic->SendPaced(rate, run.options.warmup);
  Summarise(run, traffic->SendPaced(rate, run.options.seconds), *traffic);
  traffic->Conclude(run.report);
  return true;
}

bool RunReads(Run& run) {
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  const Population population = {.rooms = 1, .members = Or(run.options.members, 1000u), .senders = 1};
  if (!Populate(run, population, *traffic) || !traffic->Join()) return false;
  traffic->ReadEverything();
  const double rate = Or(run.options.rate, 5.0);
  traffic->SendPaced(rate, run.options.warmup);
  Summarise(run, traffic->SendPaced(rate, run.options.seconds), *traffic);
  traffic->Conclude(run.report);
  if (!run.world.is_tidings()) return true;  // the others take the position and keep nothing
  const std::uint64_t readers = population.members - 1;
  run.report.Add("unread_by", readers - AwaitSeen(run, traffic->swarm().room(0), readers));
  return true;
}

}  // namespace tidings::bench
