// What each client of this benchmark is told.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bench {

// PORT lists|streams MESSAGES WINDOW
class Order {
 public:
  Order(int count, char** values) {
    if (count != 5) {
      std::fprintf(stderr, "usage: %s PORT lists|streams MESSAGES WINDOW\n", values[0]);
      std::exit(2);
    }
    port = static_cast<std::uint16_t>(std::atoi(values[1]));
    streams = std::string_view(values[2]) == "streams";
    messages = std::strtoull(values[3], nullptr, 10);
    window = std::strtoull(values[4], nullptr, 10);
  }
  std::uint16_t port;
  bool streams;
  std::uint64_t messages;
  std::uint64_t window;
};

}  // namespace bench
