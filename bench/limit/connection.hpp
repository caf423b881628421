// One WebSocket connection of the limit server: a socket, what is to be sent on it, and the rooms that it is in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limit/shared_frame.hpp"

namespace tidings::bench {

struct Connection {
  int fd = -1;
  bool upgraded = false;
  bool dirty = false;        // is in the server's list of connections to flush in this turn
  bool awaits_writable = false;
  std::uint64_t serial = 0;  // tells a connection from a later one with the same fd
  std::uint32_t sent_of_first = 0;
  std::vector<SharedFrame> pending;
  std::vector<std::uint32_t> rooms;
  std::string partial;  // the beginning of a frame or of the upgrade request
};

enum class Flushed : std::uint8_t { kAll, kBlocked, kBroken };

// Writes all pending frames with as few system calls as there are.
Flushed Flush(Connection& connection);

// The raw (still escaped) value of `"name":"value"` in a JSON text without spaces, empty where there is none.
std::string_view JsonText(std::string_view json, std::string_view name);

}  // namespace tidings::bench
