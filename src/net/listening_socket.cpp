// Opens listening sockets.
#include <cerrno>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.hpp"

namespace tidings::net {

namespace {

constexpr int kBacklog = 4096;

struct AddressesFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// Sets errno and returns -1 if something fails.
int Listening(const sockaddr_storage& where, socklen_t size, bool reuse_port) {
  const int fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (where.ss_family == AF_INET6) {
    const bool any = IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&where)->sin6_addr);
    const int only = any ? 0 : 1;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where), size) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

std::uint16_t PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(reinterpret_cast<sockaddr_in*>(&bound)->sin_port);  // at the same place for both families
}

}  // namespace

Result<ListeningSockets> OpenListeningSockets(const std::string& host, std::uint16_t port, bool reuse_port) {
  const bool any = host.empty() || host == "*";
  std::string name = any ? "::" : host;
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  const std::string context = "cannot listen on " + (any ? std::string("*") : host) + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(name.c_str(), "0", &hints, &list); error != 0) {
    return Fail(ErrorCode::kInvalid, context + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, AddressesFree> addresses(list);
  ListeningSockets opened{.fds = {}, .port = port};
  int error = 0;
  for (const addrinfo* address = list; address != nullptr; address = address->ai_next) {
    sockaddr_storage where{};
    std::memcpy(&where, address->ai_addr, address->ai_addrlen);
    reinterpret_cast<sockaddr_in*>(&where)->sin_port = htons(opened.port);
    const int fd = Listening(where, address->ai_addrlen, reuse_port);
    if (fd >= 0) {
      opened.fds.push_back(fd);
      opened.port = PortOf(fd);
      continue;
    }
    error = errno;
    // An address that this machine lacks is no harm where there is another; a port that is taken is.
    if (error == EADDRINUSE || error == EACCES) break;
  }
  const bool taken = error == EADDRINUSE || error == EACCES;
  if (!opened.fds.empty() && !taken) return opened;
  for (const int fd : opened.fds) close(fd);
  if (any && !taken) return OpenListeningSockets("0.0.0.0", port, reuse_port);  // a machine without IPv6
  return Fail(taken ? ErrorCode::kUnavailable : ErrorCode::kInvalid, context + ": " + std::strerror(error));
}

}  // namespace tidings::net
