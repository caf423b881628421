#include <tidings/messaging/servers/redis_server.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace tidings::messaging::servers {
namespace {

std::string Request(const std::vector<std::string>& command) {
  std::string text = "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& part : command) text += "$" + std::to_string(part.size()) + "\r\n" + part + "\r\n";
  // The second answer's end is known, so the first one's is.
  return text + "*1\r\n$4\r\nQUIT\r\n";
}

// What the server on `port` answers; "" if it cannot be asked.
std::string Ask(std::uint16_t port, const std::string& request) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval timeout{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  std::string answer;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::recv(socket, buffer, sizeof(buffer), 0)) > 0)
      answer.append(buffer, static_cast<std::size_t>(size));
  }
  ::close(socket);
  constexpr std::string_view kQuit = "+OK\r\n";
  if (!answer.ends_with(kQuit)) return "";
  answer.resize(answer.size() - kQuit.size());
  return answer;
}

std::string Log(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string log = text.str();
  return log.substr(log.size() - std::min<std::size_t>(log.size(), 2'000));
}

}  // namespace

RedisServer::RedisServer(Durability durability, std::vector<std::string> settings) {
  const bool always = durability == Durability::kAlways;
  command_ = {"redis-server",
              "--port",
              std::to_string(port()),
              "--bind",
              "127.0.0.1",
              "--dir",
              folder_.path(),
              "--save",
              "",
              "--appendonly",
              always ? "yes" : "no",
              "--appendfsync",
              "always",
              "--loglevel",
              "notice"};
  command_.insert(command_.end(), settings.begin(), settings.end());
  Start();
}

void RedisServer::Start() {
  process_ = std::make_unique<ChildProcess>(command_, folder_.File("redis.log"));
  WaitUntilUp();
}

void RedisServer::WaitUntilUp() {
  const std::string ping = Request({"PING"});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline && process_->running()) {
    const std::string answer = Ask(port(), ping);
    // -NOAUTH: up, and a password is needed. -LOADING: not yet.
    if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw std::runtime_error("redis-server did not come up; its log ends:\n" + Log(folder_.File("redis.log")));
}

std::string RedisServer::Send(const std::vector<std::string>& command) const {
  std::string answer = Ask(port(), Request(command));
  if (answer.empty()) throw std::runtime_error("redis-server did not answer " + command.at(0));
  return answer;
}

}  // namespace tidings::messaging::servers
