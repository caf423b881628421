// A server on loopback and clients of it, all on the test's thread: the loop turns while a client waits. Time is held
// by the test.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tidings/base/id.hpp>
#include <tidings/net/event_loop.hpp>
#include <tidings/net/http_server.hpp>

namespace tidings::net {

// Below the range from which the kernel takes ports for clients.
inline std::uint16_t ListenSomewhere(HttpServer& server, ListenOptions options = {}) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    options.port = static_cast<std::uint16_t>(20'000 + RandomU64() % 12'000);
    const auto port = server.Listen(options);
    if (port) return *port;
    if (port.error().code() != ErrorCode::kUnavailable) {
      ADD_FAILURE() << port.error().message();
      return 0;
    }
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

// A plain client. Waiting turns the loop.
class Client {
 public:
  Client(EventLoop& loop, std::uint16_t port) : loop_(loop), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << errno;
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int fd() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void EndWriting() { shutdown(fd_, SHUT_WR); }

  // Sends everything, in pieces that the server reads meanwhile.
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) return;
      loop_.Turn(std::chrono::milliseconds(0));
    }
  }

  // The same while the loop stands. REQUIRES: the kernel's buffer has room.
  void Leave(std::string_view bytes) {
    ASSERT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL), std::ssize(bytes));
  }

  // Turns the loop until `ready`; false if that takes more than ten seconds.
  bool Until(const std::function<bool()>& ready) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!ready()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      loop_.Turn(std::chrono::milliseconds(1));
      Receive();
    }
    return true;
  }

  // Whatever has come within some turns.
  std::string& Now() {
    for (int i = 0; i < 8; ++i) {
      loop_.Turn(std::chrono::milliseconds(0));
      Receive();
    }
    return received_;
  }

  bool Ended() {
    return Until([&] { return ended_; });
  }

  // One answer, head and body; what follows stays.
  std::string Answer(bool head_only = false) {
    if (!Until([&] { return ended_ || received_.find("\r\n\r\n") != std::string::npos; })) return "(no answer)";
    const std::size_t head = received_.find("\r\n\r\n");
    if (head == std::string::npos) return Take(received_.size());
    std::size_t body = 0;
    const std::size_t at = received_.find("Content-Length: ");
    if (at < head && !head_only) body = std::stoul(received_.substr(at + 16));
    Until([&] { return ended_ || received_.size() >= head + 4 + body; });
    return Take(head + 4 + body);
  }
  int Status() {
    const std::string answer = Answer();
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9)) : 0;
  }
  std::string Bytes(std::size_t count) {
    Until([&] { return ended_ || received_.size() >= count; });
    return Take(count);
  }
  std::string& received() { return received_; }

 private:
  void Receive() {
    char buffer[65536];
    while (fd_ >= 0 && !ended_) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        received_.append(buffer, static_cast<std::size_t>(got));
      } else {
        ended_ = got == 0 || (errno != EAGAIN && errno != EINTR);
        return;
      }
    }
  }
  std::string Take(std::size_t count) {
    std::string taken = received_.substr(0, count);
    received_.erase(0, count);
    return taken;
  }

  EventLoop& loop_;
  int fd_;
  std::string received_;
  bool ended_ = false;
};

// Answers as it is told to, and remembers.
class FakeHandler final : public realtime::RequestHandler, public realtime::WebSocketReceiver {
 public:
  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override {
    requests.push_back(request);
    if (hold) {
      held.push_back(std::move(exchange));
    } else {
      exchange->Respond(answer ? answer(requests.back()) : realtime::HttpAnswer(200, "text/plain", request.path));
    }
  }
  std::expected<realtime::WebSocketReceiver*, realtime::HttpAnswer> OnUpgrade(
      const realtime::HttpRequest& request) override {
    requests.push_back(request);
    if (refuse_upgrade) return std::unexpected(realtime::HttpAnswer(403, "text/plain", "no"));
    return this;
  }
  std::size_t MaxMessage() const override { return max_message; }

  void OnOpen(realtime::WebSocketLink& opened) override { link = &opened; }
  void OnMessage(std::string_view message, bool binary) override {
    messages.emplace_back(message);
    if (echo) link->Send(binary ? realtime::Frame::Binary(message) : realtime::Frame::Text(message));
    if (on_message) on_message();
  }
  void OnDrained() override { ++drained; }
  void OnClosed() override {
    ++closed;
    link = nullptr;
  }

  std::vector<realtime::HttpRequest> requests;
  std::vector<std::unique_ptr<realtime::HttpExchange>> held;
  std::vector<std::string> messages;
  std::function<realtime::HttpAnswer(const realtime::HttpRequest&)> answer;
  std::function<void()> on_message;
  realtime::WebSocketLink* link = nullptr;
  std::size_t max_message = 1'000'000;
  bool hold = false;
  bool echo = true;
  bool refuse_upgrade = false;
  int drained = 0;
  int closed = 0;
};

class ServerTest : public testing::Test {
 protected:
  // To be called first.
  void Start(HttpServerOptions options = {}, const ListenOptions& listen = {}) {
    server_.emplace(loop_, std::move(options));
    server_->Route("/", handler_);
    port_ = ListenSomewhere(*server_, listen);
  }
  Client Connect() { return Client(loop_, port_); }
  void Pass(std::chrono::milliseconds time) {
    clock_.Advance(time);
    for (int i = 0; i < 4; ++i) loop_.Turn(std::chrono::milliseconds(0));
  }
  const ServerStats& stats() const { return server_->stats(); }

  // A connection that is a WebSocket by now.
  void Upgrade(Client& client, std::string_view headers = {}) {
    client.Send(
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        std::string(headers) + "\r\n");
    EXPECT_TRUE(client.Answer().starts_with("HTTP/1.1 101 "));
  }

  FakeClock clock_;
  EventLoop loop_{clock_};
  FakeHandler handler_;
  std::optional<HttpServer> server_;
  std::uint16_t port_ = 0;
};

inline const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace tidings::net
