// Fakes of the edge: a WebSocket and an HTTP exchange that only remember, and a client on either.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/realtime/link.hpp>

namespace tidings::realtime {

// Remembers what was sent. Writes at once, unless `stuck`.
class FakeLink final : public WebSocketLink {
 public:
  void Send(FrameRef frame) override {
    if (stuck) pending += frame->wire().size();
    frames.push_back(std::move(frame));
  }
  void Close(std::uint16_t code, std::string_view) override { close_code = code; }
  std::size_t Pending() const override { return pending; }
  void NotifyDrained() override { drain_asked = true; }

  // The payloads since the last call; binary ones after a "b:".
  std::vector<std::string> Take() {
    std::vector<std::string> taken;
    for (const FrameRef& frame : std::exchange(frames, {})) {
      taken.push_back((frame->binary() ? "b:" : "") + std::string(frame->payload()));
    }
    return taken;
  }

  bool stuck = false;
  bool drain_asked = false;
  std::size_t pending = 0;
  std::optional<std::uint16_t> close_code;
  std::vector<FrameRef> frames;
};

// What became of a request.
struct Outcome {
  std::optional<HttpAnswer> answer;
  bool dropped = false;
  std::move_only_function<void()> aborted;

  // The client goes away.
  void Abort() {
    if (aborted && !answer) std::exchange(aborted, nullptr)();
  }
  int status() const { return answer ? answer->status : 0; }
  std::string body() const { return answer ? answer->body : "(none)"; }
  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : answer->headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class FakeExchange final : public HttpExchange {
 public:
  explicit FakeExchange(std::shared_ptr<Outcome> outcome) : outcome_(std::move(outcome)) {}
  ~FakeExchange() override { outcome_->dropped = !outcome_->answer; }
  void Respond(HttpAnswer answer) override {
    if (outcome_->answer) throw std::logic_error("answered twice");
    outcome_->answer = std::move(answer);
  }
  void OnAborted(std::move_only_function<void()> aborted) override { outcome_->aborted = std::move(aborted); }

 private:
  std::shared_ptr<Outcome> outcome_;
};

using Query = std::vector<std::pair<std::string, std::string>>;

inline HttpRequest MakeRequest(std::string method, Query query, std::string body = {}) {
  HttpRequest request;
  request.method = std::move(method);
  request.path = "/socket.io/";
  request.query = std::move(query);
  request.headers = {{"host", "localhost"}, {"user-agent", "test"}};
  request.body = std::move(body);
  request.remote_address = "192.0.2.1";
  request.address_group = "192.0.2.1";
  return request;
}

inline std::shared_ptr<Outcome> Ask(RequestHandler& server, HttpRequest request) {
  auto outcome = std::make_shared<Outcome>();
  server.OnRequest(std::move(request), std::make_unique<FakeExchange>(outcome));
  return outcome;
}

// The sid of an open packet.
inline std::string SidOf(std::string_view open_packet) {
  const std::size_t begin = open_packet.find("\"sid\":\"") + 7;
  return std::string(open_packet.substr(begin, open_packet.find('"', begin) - begin));
}

// A client on a WebSocket: of its own, or one that upgrades `sid`.
class FakeSocketClient {
 public:
  explicit FakeSocketClient(RequestHandler& server, std::string sid = {}) {
    Query query{{"EIO", "4"}, {"transport", "websocket"}};
    if (!sid.empty()) query.emplace_back("sid", sid);
    auto upgraded = server.OnUpgrade(MakeRequest("GET", query));
    if (!upgraded) {
      refusal = std::move(upgraded.error());
      return;
    }
    receiver = *upgraded;
    receiver->OnOpen(link);
  }
  FakeSocketClient(const FakeSocketClient&) = delete;
  ~FakeSocketClient() { Gone(); }

  void Send(std::string_view text) { receiver->OnMessage(text, false); }
  void SendBinary(std::string_view bytes) { receiver->OnMessage(bytes, true); }
  std::vector<std::string> Take() { return link.Take(); }
  bool closed() const { return link.close_code.has_value(); }
  // The connection ends.
  void Gone() {
    if (receiver != nullptr) std::exchange(receiver, nullptr)->OnClosed();
  }
  void Drain() {
    link.pending = 0;
    link.stuck = false;
    receiver->OnDrained();
  }

  FakeLink link;
  WebSocketReceiver* receiver = nullptr;
  std::optional<HttpAnswer> refusal;
};

// A client that polls.
class FakePollingClient {
 public:
  explicit FakePollingClient(RequestHandler& server) : server_(server) {
    opened = Ask(server, MakeRequest("GET", {{"EIO", "4"}, {"transport", "polling"}}));
    if (opened->status() == 200) sid = SidOf(opened->body());
  }
  std::shared_ptr<Outcome> Poll() { return Ask(server_, MakeRequest("GET", Parameters())); }
  std::shared_ptr<Outcome> Post(std::string body) {
    return Ask(server_, MakeRequest("POST", Parameters(), std::move(body)));
  }
  Query Parameters() const { return {{"EIO", "4"}, {"transport", "polling"}, {"sid", sid}}; }

  std::shared_ptr<Outcome> opened;
  std::string sid;

 private:
  RequestHandler& server_;
};

}  // namespace tidings::realtime
