// One HTTP request over the loopback.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::app {

struct PlainAnswer {
  int status = 0;
  std::string body;
};

// Sends `request`, a whole HTTP/1.1 request with Connection: close, to 127.0.0.1 and reads the answer, at most 16 MiB.
// kUnavailable: nobody listens there, or the connection broke. kTimeout: the whole answer was not there at `until`.
Result<PlainAnswer> AskLoopback(std::uint16_t port, const std::string& request,
                                std::chrono::steady_clock::time_point until);

}  // namespace tidings::app
