// Request targets (RFC 9112 §3.2) and their percent-encoding (RFC 3986 §2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidings::net {

struct Target {
  std::string path;                                        // decoded, begins with a slash; "*" as it is
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
};

// Nothing if an escape is broken, or what comes out is no well-formed UTF-8 or holds a NUL. Accepts
// "/path?query", "http://host/path?query" and "*".
std::optional<Target> ParseTarget(std::string_view target);

// Turns %41 into A, and + into a space where `plus` says so (queries). Nothing as above.
std::optional<std::string> PercentDecode(std::string_view text, bool plus);

}  // namespace tidings::net
