// The edge between protocol and sockets. realtime does no I/O: it is handed bytes and a clock and writes to links.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>

#include <tidings/realtime/frame.hpp>
#include <tidings/realtime/http.hpp>

namespace tidings::realtime {

// An open WebSocket as a session sees it; implemented by the listener (net) and by fakes in tests. Owned by the
// listener. All calls on the connection's thread.
class WebSocketLink {
 public:
  virtual ~WebSocketLink() = default;
  // Queues the frame; what a turn of the event loop queued is gathered into one write at the turn's end.
  virtual void Send(FrameRef frame) = 0;
  // Writes what is queued, then a close frame (RFC 6455 §7.4), then ends the connection within a bounded time.
  // OnClosed of the receiver follows later, never from within this call.
  virtual void Close(std::uint16_t code, std::string_view reason) = 0;
  // Bytes queued and not yet handed to the kernel.
  virtual std::size_t Pending() const = 0;
  // Asks that the receiver's OnDrained be called, once, when nothing is pending: at the end of this turn at the
  // earliest, and even if nothing stayed pending over it. Without it a writer that stops at a window in mid-turn
  // would never hear that it may go on. Where a listener does nothing here, the session looks by itself every tick.
  virtual void NotifyDrained() {}
};

// What happens on a WebSocket; implemented by the session. All calls on the connection's thread.
class WebSocketReceiver {
 public:
  virtual ~WebSocketReceiver() = default;
  // The handshake was answered with 101. `link` stays valid until OnClosed.
  virtual void OnOpen(WebSocketLink& link) = 0;
  // One whole message; text is well-formed UTF-8 and within maxPayload. The view ends with the call.
  virtual void OnMessage(std::string_view message, bool binary) = 0;
  // Everything queued was handed to the kernel after it once was not. Called only while Pending() had stayed above
  // zero over a turn's end, and as NotifyDrained asks.
  virtual void OnDrained() = 0;
  // The connection has ended, for any cause. Last call; the link is gone after it.
  virtual void OnClosed() = 0;
};

// A request body that is on its way. Held by the listener from RequestHandler::OnHead until just before OnRequest, or
// until the body breaks off.
class PendingBody {
 public:
  virtual ~PendingBody() = default;
  // It will not come: the client went away, or the listener refused it (too large, malformed, too slow). Destroyed next.
  virtual void OnBrokenOff() {}
};

// Whoever answers the requests of a listener, or of one of its paths. All calls on the connection's thread.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // The head of a request whose body is not all there yet (`body` is empty); of one that came whole, nothing is said.
  // An answer refuses it before its body is read. Else OnRequest follows once the body is there.
  virtual std::expected<std::unique_ptr<PendingBody>, HttpAnswer> OnHead(const HttpRequest& head) {
    (void)head;
    return nullptr;
  }
  virtual void OnRequest(HttpRequest request, std::unique_ptr<HttpExchange> exchange) = 0;
  // A WebSocket handshake whose headers are right (RFC 6455 §4.2.1). The receiver that is to be opened, or a refusal.
  // The listener owns neither: a receiver lives at least until its OnClosed has returned.
  virtual std::expected<WebSocketReceiver*, HttpAnswer> OnUpgrade(const HttpRequest& request) {
    (void)request;
    return std::unexpected(HttpAnswer(400, "text/plain", "no WebSocket is served here\n"));
  }
  // Bytes of the largest WebSocket message and of the largest request body on this path; above: 1009 or 413.
  virtual std::size_t MaxMessage() const { return 1'000'000; }
};

}  // namespace tidings::realtime
