#include "load/options.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <string_view>

namespace tidings::bench {
namespace {

using Setter = std::function<bool(std::string_view)>;

template <typename Number>
Setter Set(Number& target) {
  return [&target](std::string_view text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    return error == std::errc() && end == text.data() + text.size();
  };
}

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) return std::nullopt;
  Options options;
  options.scenario = argv[1];
  const std::map<std::string_view, Setter> setters = {
      {"--protocol", [&](std::string_view text) { return !(options.protocol = text).empty(); }},
      {"--client-ids", [&](std::string_view text) { return (options.client_ids = text == "1") || text == "0"; }},
      {"--port", Set(options.port)},
      {"--pid", Set(options.pid)},
      {"--rooms", Set(options.rooms)},
      {"--members", Set(options.members)},
      {"--connections", Set(options.connections)},
      {"--senders", Set(options.senders)},
      {"--window", Set(options.window)},
      {"--rate", Set(options.rate)},
      {"--prefill", Set(options.prefill)},
      {"--page", Set(options.page)},
      {"--seconds", Set(options.seconds)},
      {"--warmup", Set(options.warmup)},
      {"--text-bytes", Set(options.text_bytes)},
      {"--concurrency", Set(options.concurrency)},
      {"--drain", Set(options.drain)},
  };
  for (int i = 2; i < argc; i += 2) {
    const auto setter = setters.find(argv[i]);
    if (setter == setters.end() || !setter->second(argv[i + 1])) return std::nullopt;
  }
  if (options.port == 0 || options.pid == 0 || options.protocol.empty() || options.concurrency == 0) {
    return std::nullopt;
  }
  return options;
}

}  // namespace tidings::bench
