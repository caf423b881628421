// The PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt defines it: who is behind a proxy.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "address.hpp"

namespace tidings::net {

struct ProxyHeader {
  enum class State { kIncomplete, kBad, kWhole };
  State state = State::kIncomplete;
  std::size_t size = 0;             // of the header, when whole
  std::optional<IpAddress> client;  // nothing: the proxy speaks for itself (LOCAL, UNKNOWN)
};

// No header is longer than this.
inline constexpr std::size_t kMaxProxyHeader = 4096;

// Reads the header that `input` begins with.
ProxyHeader ReadProxyHeader(std::string_view input);

}  // namespace tidings::net
