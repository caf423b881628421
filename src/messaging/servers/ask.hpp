// What the starters of servers have in common: a question to a port, and what a log file says.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace tidings::messaging::servers {

// What a server on `port` of this machine answers: until it ends the connection, has said `most` bytes, or says nothing for so
// long. "" if it cannot be asked.
std::string Ask(std::uint16_t port, std::string_view request, std::chrono::seconds patience,
                std::size_t most = std::numeric_limits<std::size_t>::max());
// "" if there is no such file.
std::string Contents(const std::string& file);

}  // namespace tidings::messaging::servers
