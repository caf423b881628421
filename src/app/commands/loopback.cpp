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

using std::chrono::steady_clock;

constexpr std::size_t kMostAnswer = 16 * 1024 * 1024;

class Connection {
 public:
  explicit Connection(steady_clock::time_point until)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), until_(until) {}
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
    return Limit(SO_SNDTIMEO) && connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!Limit(SO_SNDTIMEO)) return false;
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
      if (!Limit(SO_RCVTIMEO)) return false;
      const ssize_t got = recv(fd_, piece, sizeof piece, 0);
      if (got < 0) return false;
      if (got == 0) return true;
      all.append(piece, static_cast<std::size_t>(got));
    }
    errno = EMSGSIZE;
    return false;
  }

 private:
  // What is left of the time is the bound of the next call. False if nothing is.
  bool Limit(int option) const {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until_ - steady_clock::now()).count();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return false;
    }
    const timeval wait{static_cast<time_t>(left / 1'000'000), static_cast<suseconds_t>(left % 1'000'000)};
    return setsockopt(fd_, SOL_SOCKET, option, &wait, sizeof wait) == 0;
  }

  int fd_;
  const steady_clock::time_point until_;
};

// As the calls say that the bound of time was reached.
bool IsLate(int error) { return error == EAGAIN || error == EINPROGRESS || error == ETIMEDOUT; }

}  // namespace

Result<PlainAnswer> AskLoopback(std::uint16_t port, const std::string& request, steady_clock::time_point until) {
  const auto failed = [&](const char* what) {
    return Fail(IsLate(errno) ? ErrorCode::kTimeout : ErrorCode::kUnavailable,
                std::string(what) + " 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  };
  Connection connection(until);
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
