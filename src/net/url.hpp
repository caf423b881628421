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
  std::vector<std::string> segments;                       // what stands between its slashes, decoded by itself
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
};

// Accepts "/path?query", "http://host/path?query" and "*". Nothing if the path has a broken escape, or decoded is not
// well-formed UTF-8 or holds a NUL. In the query such bytes become U+FFFD, and broken escapes stay as they are.
std::optional<Target> ParseTarget(std::string_view target);

// A path: turns %41 into A. Nothing as above.
std::optional<std::string> DecodePath(std::string_view text);

// A part of a query: also turns + into a space. What comes out is well-formed UTF-8 without NUL.
std::string DecodeQuery(std::string_view text);

}  // namespace tidings::net
