#pragma once

#include <cstdint>

namespace tidings::bench {

// A blocking TCP connection to a port of this machine, without Nagle's delay; -1 where it is refused.
int ConnectTo(std::uint16_t port);

}  // namespace tidings::bench
