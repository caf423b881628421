// bench_limit --port P [--durable FILE] [--fault lose|double|reorder]
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <sys/resource.h>

#include "limit/server.hpp"

namespace {

using tidings::bench::Fault;
using tidings::bench::LimitOptions;

std::optional<LimitOptions> ParseOptions(int argc, char** argv) {
  LimitOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--port") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.port);
      if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
    } else if (name == "--durable") {
      options.durable_path = value;
    } else if (name == "--fault" && value == "lose") {
      options.fault = Fault::kLose;
    } else if (name == "--fault" && value == "double") {
      options.fault = Fault::kDouble;
    } else if (name == "--fault" && value == "reorder") {
      options.fault = Fault::kReorder;
    } else {
      return std::nullopt;
    }
  }
  if (argc % 2 == 0 || options.port == 0) return std::nullopt;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<LimitOptions> options = ParseOptions(argc, argv);
  if (!options) {
    std::fprintf(stderr, "usage: bench_limit --port P [--durable FILE] [--fault lose|double|reorder]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  tidings::bench::LimitServer(*options).Run();
}
