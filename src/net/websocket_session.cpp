#include "websocket_session.hpp"

#include <utility>

#include "connection.hpp"
#include "server_core.hpp"

namespace tidings::net {

namespace {

// Above this many bytes of waiting output pings are not answered (RFC 6455 §5.5.2 asks for the latest only).
constexpr std::size_t kPongsUpTo = 64 * 1024;

}  // namespace

WebSocketSession::WebSocketSession(Connection& connection, realtime::WebSocketReceiver& receiver,
                                   WebSocketLimits limits)
    : connection_(connection), receiver_(&receiver), decoder_(limits), deflate_(limits.deflate) {
  connection_.core().stats().websockets.Add();
  connection_.core().stats().websockets_open.Add();
}

WebSocketSession::~WebSocketSession() { connection_.core().stats().websockets_open.Subtract(); }

void WebSocketSession::Open() {
  connection_.WaitFor(Wait::kNothing);
  receiver_->OnOpen(*this);
}

void WebSocketSession::Send(realtime::FrameRef frame) {
  if (closing_) return;
  connection_.core().stats().frames_out.Add();
  if (deflate_ && frame->payload().size() >= FrameDeflater::kWorthIt) {
    connection_.Send(connection_.core().deflater().Compress(frame));
  } else {
    connection_.Send(std::move(frame));
  }
}

void WebSocketSession::Close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  connection_.Send(CloseFrame(code, reason));
  connection_.WaitFor(Wait::kClose);
  connection_.WakeAtTurnEnd();
}

std::size_t WebSocketSession::Pending() const { return connection_.pending(); }

void WebSocketSession::NotifyDrained() {
  if (!closing_) connection_.NotifyDrained();
}

std::size_t WebSocketSession::OnInput(std::span<char> input) {
  const std::size_t size = input.size();
  while (connection_.open()) {
    const WebSocketEvent event = decoder_.Next(input);
    if (event.kind == WebSocketEvent::Kind::kNothing) break;
    OnEvent(event);
  }
  return size;
}

void WebSocketSession::OnEvent(const WebSocketEvent& event) {
  using Kind = WebSocketEvent::Kind;
  ServerStats& stats = connection_.core().stats();
  switch (event.kind) {
    case Kind::kText:
    case Kind::kBinary:
      if (closing_) break;
      stats.messages_in.Add();
      receiver_->OnMessage(event.data, event.kind == Kind::kBinary);
      break;
    case Kind::kPing:
      if (!closing_ && connection_.pending() < kPongsUpTo) connection_.Send(ControlFrame(Opcode::kPong, event.data));
      break;
    case Kind::kClose:
    case Kind::kFailed:
      if (event.kind == Kind::kFailed) stats.websocket_errors.Add();
      if (!std::exchange(closing_, true)) {
        const bool failed = event.kind == Kind::kFailed;
        connection_.Send(CloseFrame(event.code, failed ? event.data : std::string_view()));
      }
      connection_.WaitFor(Wait::kClose);
      connection_.CloseAfterFlush();
      Release();
      break;
    case Kind::kPong:
    case Kind::kNothing: break;
  }
}

void WebSocketSession::OnEnd() { connection_.Abort(); }

void WebSocketSession::OnDrained() {
  if (receiver_ != nullptr && !closing_) receiver_->OnDrained();
}

void WebSocketSession::OnWake() {
  if (closing_) Release();
}

void WebSocketSession::OnStop() { Close(kCloseGoingAway, {}); }

void WebSocketSession::OnClosed() { Release(); }

void WebSocketSession::Release() {
  if (auto* receiver = std::exchange(receiver_, nullptr)) {
    closing_ = true;
    receiver->OnClosed();
  }
}

}  // namespace tidings::net
