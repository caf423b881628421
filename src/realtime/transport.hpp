// The two ways in which an Engine.IO session talks to its client. Private to the layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/realtime/engine_server.hpp>

namespace tidings::realtime {

// What waits for polls, and the poll that waits for it.
class PollingTransport {
 public:
  // Counts among the polling sessions of `address` as long as it lives.
  PollingTransport(EngineServer& server, std::string address);
  ~PollingTransport();
  void Push(FrameRef frame);
  bool empty() const { return taken_ == queue_.size(); }
  std::size_t bytes() const { return bytes_; }

  // Takes a payload of the oldest packets within the limits, at least one. REQUIRES: !empty().
  std::string TakePayload(std::size_t max_packets, std::size_t max_bytes);
  FrameRef Take();

  bool waiting() const { return exchange_ != nullptr; }
  // A poll has come; `answer` is what it will be answered with, but for the body.
  void Wait(std::unique_ptr<HttpExchange> exchange, HttpAnswer answer);
  // Answers the poll that waits. REQUIRES: waiting().
  void Respond(std::string body);
  // The poll's client has gone.
  void Forget() { exchange_.reset(); }

  WebSocketTransport* probe = nullptr;  // an upgrade under way
  bool probed = false;                  // it was answered 3probe: polls are not kept waiting any more
  int posts = 0;                        // whose bodies are on their way

 private:
  EngineServer& server_;
  std::string address_;
  std::vector<FrameRef> queue_;
  std::size_t taken_ = 0;  // of the queue, from its begin
  std::size_t bytes_ = 0;
  std::unique_ptr<HttpExchange> exchange_;
  HttpAnswer answer_;
};

// One WebSocket. Owns itself until OnClosed.
class WebSocketTransport final : public WebSocketReceiver {
 public:
  enum class Stage : std::uint8_t {
    kNew,      // will open a session
    kProbe,    // will take over a polling session
    kActive,   // carries its session
    kClosing,  // without a session; waits for OnClosed
  };

  // For a new session.
  WebSocketTransport(EngineServer& server, std::shared_ptr<const HttpRequest> request);
  // For the upgrade of `session`; for none it only closes.
  WebSocketTransport(EngineServer& server, EngineSession* session);
  ~WebSocketTransport() override;

  void OnOpen(WebSocketLink& link) override;
  void OnMessage(std::string_view message, bool binary) override;
  void OnDrained() override;
  void OnClosed() override;

  WebSocketLink& link() const { return *link_; }
  // Lets go of the session and closes.
  void Close(std::uint16_t code);

 private:
  void OnProbe(std::string_view message, bool binary);
  void TakeOver();

  EngineServer& server_;
  EngineSession* session_ = nullptr;
  WebSocketLink* link_ = nullptr;
  std::shared_ptr<const HttpRequest> request_;
  std::unique_ptr<Timer> upgrade_timer_;
  Stage stage_;
  std::uint16_t close_code_ = 1000;
};

}  // namespace tidings::realtime
