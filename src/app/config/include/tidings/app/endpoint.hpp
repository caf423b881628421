// An address to listen at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::app {

struct Endpoint {
  std::string host;        // an address, a name, or empty or "*" for all addresses; IPv6 without brackets
  std::uint16_t port = 0;  // 0: a free one
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Reads "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080", "*:8080". kInvalid otherwise.
Result<Endpoint> ParseEndpoint(std::string_view text);
// The same text again.
std::string FormatEndpoint(const Endpoint& endpoint);

}  // namespace tidings::app
