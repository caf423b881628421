// FreePort: a port of 127.0.0.1 for a server that is started here, its own among all who take one by this on this machine.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace tidings::messaging::servers {

// Below 32768, where the kernel takes no ports for outgoing connections. Held as long as the object lives, whether a server
// listens or not, by an abstract socket that bears the port's number and is gone with the process. Movable.
class FreePort {
 public:
  FreePort() {
    std::random_device random;
    for (int tries = 0; tries < 1'000; ++tries) {
      number_ = static_cast<std::uint16_t>(10'000 + random() % 22'000);
      if (Reserve() && Unused()) return;
      Release();
    }
    throw std::runtime_error("no free port between 10000 and 32000 in 1,000 tries");
  }
  ~FreePort() { Release(); }
  FreePort(FreePort&& other) noexcept : reservation_(std::exchange(other.reservation_, -1)), number_(other.number_) {}
  FreePort& operator=(FreePort&&) = delete;

  std::uint16_t number() const { return number_; }

 private:
  bool Reserve() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = "tidings-test-port-" + std::to_string(number_);
    std::memcpy(name.sun_path + 1, text.data(), text.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    reservation_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::bind(reservation_, reinterpret_cast<const sockaddr*>(&name), size) == 0;
  }
  bool Unused() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const bool bound = ::bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(probe);
    return bound;
  }
  void Release() {
    if (reservation_ >= 0) ::close(std::exchange(reservation_, -1));
  }

  int reservation_ = -1;
  std::uint16_t number_ = 0;
};

}  // namespace tidings::messaging::servers
