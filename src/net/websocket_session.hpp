// WebSocketSession: a connection that speaks WebSocket; the link that a realtime session writes to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <tidings/realtime/link.hpp>

#include "protocol.hpp"
#include "websocket_codec.hpp"

namespace tidings::net {

class Connection;

class WebSocketSession final : public Protocol, public realtime::WebSocketLink {
 public:
  WebSocketSession(Connection& connection, realtime::WebSocketReceiver& receiver, WebSocketLimits limits);
  ~WebSocketSession() override;

  // Tells the receiver; to be called once the handshake is answered.
  void Open();

  void Send(realtime::FrameRef frame) override;
  void Close(std::uint16_t code, std::string_view reason) override;
  std::size_t Pending() const override;
  void NotifyDrained() override;

  std::size_t OnInput(std::span<char> input) override;
  void OnEnd() override;
  void OnDrained() override;
  void OnWake() override;
  void OnStop() override;
  void OnClosed() override;
  std::size_t Held() const override { return decoder_.held(); }

 private:
  void OnEvent(const WebSocketEvent& event);
  // Tells the receiver that it is over.
  void Release();

  Connection& connection_;
  realtime::WebSocketReceiver* receiver_;  // null once it was told
  WebSocketDecoder decoder_;
  bool deflate_;
  bool closing_ = false;  // our close frame is queued
};

}  // namespace tidings::net
