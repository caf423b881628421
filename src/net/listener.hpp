// Listener: one listening socket.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tidings/net/event_loop.hpp>
#include <tidings/net/http_server.hpp>

#include "address.hpp"

namespace tidings::net {

class ServerCore;
class TlsContext;

class Listener final : public EventSource {
 public:
  // Owns `fd`, which listens already. `tls` is null for plain ones.
  Listener(ServerCore& core, int fd, const TlsContext* tls, bool proxy_header);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void OnReady(std::uint32_t events) override;

 private:
  // Without descriptors accepting rests for a while; a level-triggered loop would spin otherwise.
  void Pause(int error);

  ServerCore& core_;
  const int fd_;
  const TlsContext* tls_;
  const bool proxy_header_;
  bool paused_ = false;
  Millis complained_ = 0;
  EventLoop::TimerId resume_;
};

// Listening, non-blocking sockets on all addresses of a host, with one port. An empty host, or "*", is every address of
// the machine, IPv4 and IPv6. kUnavailable if the port is taken or not ours to take, else kInvalid.
struct ListeningSockets {
  std::vector<int> fds;
  std::uint16_t port = 0;
};
Result<ListeningSockets> OpenListeningSockets(const std::string& host, std::uint16_t port, bool reuse_port);

}  // namespace tidings::net
