#include <tidings/messaging/servers/redis_server.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "ask.hpp"

namespace tidings::messaging::servers {
namespace {

std::string Request(const std::vector<std::string>& command) {
  std::string text = "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& part : command) text += "$" + std::to_string(part.size()) + "\r\n" + part + "\r\n";
  // The second answer's end is known, so the first one's is.
  return text + "*1\r\n$4\r\nQUIT\r\n";
}

// What the server on `port` answers; "" if it cannot be asked.
std::string Told(std::uint16_t port, const std::string& request) {
  std::string answer = Ask(port, request, std::chrono::seconds(10));
  constexpr std::string_view kQuit = "+OK\r\n";
  if (!answer.ends_with(kQuit)) return "";
  answer.resize(answer.size() - kQuit.size());
  return answer;
}

std::string Log(const std::string& file) {
  const std::string log = Contents(file);
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
    const std::string answer = Told(port(), ping);
    // -NOAUTH: up, and a password is needed. -LOADING: not yet.
    if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw std::runtime_error("redis-server did not come up; its log ends:\n" + Log(folder_.File("redis.log")));
}

std::string RedisServer::Send(const std::vector<std::string>& command) const {
  std::string answer = Told(port(), Request(command));
  if (answer.empty()) throw std::runtime_error("redis-server did not answer " + command.at(0));
  return answer;
}

}  // namespace tidings::messaging::servers
