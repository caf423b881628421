// bench_load: one process, one thread; one run against one server, one line of JSON.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <string_view>

#include "load/options.hpp"
#include "load/protocol.hpp"
#include "load/scenario.hpp"

namespace {

using namespace tidings::bench;

struct Scenario {
  bool (*run)(Run&);
  bool only_tidings;
};

const std::map<std::string_view, Scenario> kScenarios = {
    {"fanout", {RunFanout, false}},  {"rooms", {RunRooms, false}},     {"sends", {RunSends, false}},
    {"create", {RunCreate, false}},  {"paced", {RunPaced, false}},     {"reads", {RunReads, false}},
    {"idle", {RunIdle, false}},      {"connect", {RunConnect, false}}, {"catchup", {RunCatchup, true}},
    {"history", {RunHistory, true}},
};

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = ParseOptions(argc, argv);
  const auto scenario = options ? kScenarios.find(options->scenario) : kScenarios.end();
  const std::unique_ptr<Protocol> protocol = options ? MakeProtocol(options->protocol) : nullptr;
  if (scenario == kScenarios.end() || !protocol) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (scenario->second.only_tidings && options->protocol != "tidings") {
    std::fprintf(stderr, "bench_load: %s needs tidings\n", options->scenario.c_str());
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  World world(*options);
  Report report;
  report.Add("scenario", std::string_view(options->scenario));
  report.Add("protocol", std::string_view(options->protocol));
  Run run{.options = *options, .protocol = *protocol, .world = world, .report = report};
  const bool done = scenario->second.run(run);
  if (done) std::fputs(report.Line().c_str(), stdout);
  return done ? 0 : 1;
}
