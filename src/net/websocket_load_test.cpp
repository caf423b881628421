// Many connections with messages of all sizes, cut anywhere, read at all speeds: everything comes back, in order.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/frames.hpp"
#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

// Sends everything back on the connection that it came from.
class EchoHandler final : public realtime::RequestHandler {
 public:
  void OnRequest(realtime::HttpRequest, std::unique_ptr<realtime::HttpExchange>) override {}
  std::expected<realtime::WebSocketReceiver*, realtime::HttpAnswer> OnUpgrade(const realtime::HttpRequest&) override {
    receivers_.push_back(std::make_unique<Receiver>());
    return receivers_.back().get();
  }

 private:
  struct Receiver final : realtime::WebSocketReceiver {
    void OnOpen(realtime::WebSocketLink& opened) override { link = &opened; }
    void OnMessage(std::string_view message, bool binary) override {
      link->Send(binary ? realtime::Frame::Binary(message) : realtime::Frame::Text(message));
    }
    void OnDrained() override {}
    void OnClosed() override {}
    realtime::WebSocketLink* link = nullptr;
  };
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

struct Peer {
  int fd = -1;
  std::string to_send;
  std::string expected;
  std::size_t received = 0;
  bool wrong = false;
};

class WebSocketLoadTest : public ServerTest, public testing::WithParamInterface<bool> {};

TEST_P(WebSocketLoadTest, SendsEverythingBack) {
  std::mt19937_64 random(GetParam() ? 1 : 2);
  EchoHandler echo;
  Start({.io_uring = GetParam()});
  server_->Route("/ws", echo);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Peer> peers(16);
  for (Peer& peer : peers) {
    clients.push_back(std::make_unique<Client>(loop_, port_));
    Upgrade(*clients.back());
    peer.fd = clients.back()->fd();
    const int little = 16 * 1024;
    setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    for (int i = 0; i < 30; ++i) {
      const std::size_t most = std::array<std::size_t, 4>{10, 300, 70'000, 900'000}[random() % 4];
      std::string message(random() % most, static_cast<char>('a' + i % 26));
      AppendFrameHeader(peer.expected, Opcode::kText, message.size());
      peer.expected += message;
      const std::size_t cut = random() % 2 == 0 ? random() % (message.size() + 1) : message.size();
      const auto key = static_cast<std::uint32_t>(random());
      if (cut < message.size()) {
        peer.to_send += ClientFrame(message.substr(0, cut), {.final = false, .key = key});
        peer.to_send += ClientFrame(message.substr(cut), {.opcode = 0, .key = key});
      } else {
        peer.to_send += ClientFrame(message, {.key = key});
      }
    }
  }
  std::string buffer(1 << 20, '\0');
  const auto done = [](const Peer& peer) { return peer.wrong || peer.received == peer.expected.size(); };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!std::ranges::all_of(peers, done) && std::chrono::steady_clock::now() < limit) {
    for (Peer& peer : peers) {
      const std::size_t piece = std::min<std::size_t>(peer.to_send.size(), 1 + random() % 200'000);
      if (piece > 0) {
        const ssize_t sent = send(peer.fd, peer.to_send.data(), piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) peer.to_send.erase(0, static_cast<std::size_t>(sent));
      }
      // Every other one reads only once it has said everything.
      const bool late = (&peer - peers.data()) % 2 == 1;
      if (random() % 3 != 0 || (late && !peer.to_send.empty())) continue;
      const ssize_t got = recv(peer.fd, buffer.data(), 1 + random() % 50'000, MSG_DONTWAIT);
      if (got == 0) peer.wrong = true;
      if (got <= 0) continue;
      const auto count = static_cast<std::size_t>(got);
      if (peer.expected.compare(peer.received, count, buffer, 0, count) != 0) peer.wrong = true;
      peer.received += count;
    }
    loop_.Turn(std::chrono::milliseconds(0));
  }
  for (const Peer& peer : peers) {
    EXPECT_FALSE(peer.wrong);
    EXPECT_EQ(peer.received, peer.expected.size());
  }
  EXPECT_GT(stats().short_writes, 0u);
  server_.reset();  // before the receivers
}

INSTANTIATE_TEST_SUITE_P(Writes, WebSocketLoadTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "ByRing" : "OneByOne"; });

}  // namespace
}  // namespace tidings::net
