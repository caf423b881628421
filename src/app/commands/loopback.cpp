#include "loopback.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace tidings::app {

namespace {

constexpr std::size_t kMostAnswer = 16 * 1024 * 1024;

class Connection {
 public:
  explicit Connection(std::chrono::seconds timeout) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval wait{static_cast<time_t>(timeout.count()), 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Up to the end; false if it did not come whole.
  bool Receive(std::string& all) {
    char piece[16 * 1024];
    while (all.size() < kMostAnswer) {
      const ssize_t got = recv(fd_, piece, sizeof piece, 0);
      if (got < 0) return false;
      if (got == 0) return true;
      all.append(piece, static_cast<std::size_t>(got));
    }
    return false;
  }

 private:
  int fd_;
};

}  // namespace

Result<PlainAnswer> AskLoopback(std::uint16_t port, const std::string& request, std::chrono::seconds timeout) {
  const auto failed = [&](const char* what) {
    return Fail(ErrorCode::kUnavailable,
                std::string(what) + " 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  };
  Connection connection(timeout);
  if (!connection.Connect(port)) return failed("cannot connect to");
  if (!connection.Send(request)) return failed("cannot send to");
  std::string all;
  if (!connection.Receive(all)) return failed("no whole answer from");
  PlainAnswer answer;
  const std::size_t head = all.find("\r\n\r\n");
  const bool http = all.starts_with("HTTP/1.1 ") && all.size() > 12 && head != std::string::npos &&
                    std::from_chars(all.data() + 9, all.data() + 12, answer.status).ec == std::errc();
  if (!http) return Fail(ErrorCode::kInternal, "what answers at 127.0.0.1:" + std::to_string(port) + " is no server");
  answer.body = all.substr(head + 4);
  return answer;
}

}  // namespace tidings::app
