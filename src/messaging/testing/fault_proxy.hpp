// FaultProxy: stands between a client and a server on 127.0.0.1 and treats their bytes badly.
//
//   FaultProxy proxy(server_port);          // clients connect to proxy.port()
//   proxy.Set(Faults().OneByteWrites());    // may change while connections are open
//   proxy.Cut();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidings::messaging::testing {

// What is done to the bytes; nothing, if nothing is said.
class Faults {
 public:
  // Each chunk (of at most 64 KiB) is held back for so long; order stays.
  Faults& Delay(std::chrono::milliseconds delay) {
    delay_ = delay;
    return *this;
  }
  // Every byte is a packet of its own; in the middle of long bodies, where nothing is to be found out by it, many are one.
  Faults& OneByteWrites() {
    one_byte_ = true;
    return *this;
  }
  // In each direction.
  Faults& Rate(std::size_t bytes_per_second) {
    rate_ = bytes_per_second;
    return *this;
  }
  // Half open: what goes that way is read and dropped, the connection stays.
  Faults& SwallowToServer() {
    swallow_to_server_ = true;
    return *this;
  }
  Faults& SwallowToClient() {
    swallow_to_client_ = true;
    return *this;
  }

  std::chrono::milliseconds delay() const { return delay_; }
  bool one_byte() const { return one_byte_; }
  std::size_t rate() const { return rate_; }
  bool swallows(bool to_server) const { return to_server ? swallow_to_server_ : swallow_to_client_; }

 private:
  std::chrono::milliseconds delay_{0};
  bool one_byte_ = false;
  std::size_t rate_ = 0;
  bool swallow_to_server_ = false;
  bool swallow_to_client_ = false;
};

// Works in a thread of its own. Thread-safe.
class FaultProxy {
 public:
  // Throws std::runtime_error if it cannot listen. The server need not be up: while it is not, clients are cut off.
  explicit FaultProxy(std::uint16_t server_port);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  // The same for its whole life.
  std::uint16_t port() const;
  // Holds for what is read from now on, on open connections too.
  void Set(Faults faults);
  // Ends all connections by a reset; those that come after are served. Returns when it is done.
  void Cut();
  // Ends all connections when so many more bytes went to the server, in the middle of whatever those are.
  void CutAfter(std::uint64_t bytes_to_server);
  // While it refuses, nobody listens on the port. Open connections stay. Returns when it is done.
  void Refuse(bool refuse);

  // What was passed on so far, over all connections, and how many connections there were and are.
  std::uint64_t bytes_to_server() const;
  std::uint64_t bytes_to_client() const;
  std::uint64_t connections() const;
  std::uint64_t open() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tidings::messaging::testing
