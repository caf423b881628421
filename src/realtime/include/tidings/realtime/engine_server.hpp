// An Engine.IO v4 server without I/O: sessions over long-polling and WebSocket, upgrades between them, heartbeats.
// https://socket.io/docs/v4/engine-io-protocol/
//
//   class Echo final : public EngineHandler {
//     void OnMessage(EngineSession& session, std::string_view message, bool binary) override {
//       session.Send(binary ? Frame::Binary(message) : Frame::Text("4" + std::string(message)));
//     }
//   };
//   Echo echo;
//   EngineServer server({.ping_interval = 300}, clock, echo);   // a RequestHandler: give it to a listener's path
//   … the loop calls server.OnTick(clock.Steady()) when server.NextDeadline() has come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/realtime/engine_packet.hpp>
#include <tidings/realtime/link.hpp>
#include <tidings/realtime/reason.hpp>
#include <tidings/realtime/timer.hpp>

namespace tidings::realtime {

// Who may call from a browser (the Fetch standard's CORS). Without origins no header is sent.
struct CorsOptions {
  std::vector<std::string> origins;  // "https://app.example", or "*" for all
  bool credentials = false;          // allow cookies; then the asking origin is named instead of *
};

struct EngineOptions {
  Millis ping_interval = 25'000;        // from opening, or from a pong, to the next ping
  Millis ping_timeout = 20'000;         // from a ping to the latest pong
  Millis upgrade_timeout = 10'000;      // from a probe's WebSocket to its end
  std::size_t max_payload = 1'000'000;  // bytes of a message, of a body, and of a polling answer of several packets
  std::size_t max_poll_packets = 16;    // in one polling answer
  // Sessions in all: above, handshakes get 503. Polling ones of an address, since they outlive connections: 429.
  std::size_t max_sessions = 100'000;
  std::size_t max_polling_per_address = 10'000;
  std::size_t max_pending = 16'000'000;  // bytes that wait for a slow client; above, its session ends
  std::size_t max_queued = 512u << 20;   // bytes that wait for polls in all; above, sessions with many of them end
  bool polling = true;                   // transports served
  bool websocket = true;
  CorsOptions cors;
};

// Something that the handler hangs on a session.
class SessionData {
 public:
  virtual ~SessionData() = default;
};

// Since the server began.
struct EngineStats {
  std::uint64_t opened = 0;
  std::uint64_t upgraded = 0;
  std::uint64_t refused = 0;              // handshakes
  std::array<std::uint64_t, 8> closed{};  // by CloseReason
};

class EngineServer;
class PollingTransport;
class WebSocketTransport;

// One client, over whichever transport it uses just now. Owned by the server; valid until EngineHandler::OnClosed has
// returned. All calls on the server's thread.
class EngineSession {
 public:
  // Secret: who knows it can speak for the client.
  std::string_view id() const { return {id_, sizeof id_}; }
  bool open() const { return state_ == State::kOpen; }
  // Whether it is a WebSocket by now.
  bool websocket() const { return transport_ != nullptr; }

  // Queues one message: a text frame that begins with 4, or a binary frame. In order, over an upgrade too. Does
  // nothing on a session that is not open. Never ends the session before it returns: one with too much pending ends
  // with the outermost batch, or outside of batches at the next tick.
  void Send(FrameRef frame);
  // Whether a message would go out in this turn: a WebSocket with nothing waiting, or a poll that waits for one.
  bool writable() const;
  // Bytes queued that the kernel, or a poll, has not taken yet.
  std::size_t pending_bytes() const;
  // Asks that OnDrained be called once nothing is pending, at the end of this turn at the earliest.
  void NotifyDrained();

  // Holds what is sent from now on back for `time`, or until the client says something: for a message that a client
  // should read by itself. Over polling it does nothing.
  void HoldBack(Millis time);

  // Ends the session: an Engine.IO close packet over polling, a close frame over WebSocket, after what is queued.
  // OnClosed is called before this returns. `code` is the close frame's (RFC 6455 §7.4).
  void Close(CloseReason reason = CloseReason::kForcedClose, std::uint16_t code = 1000);

  void set_data(std::unique_ptr<SessionData> data) { data_ = std::move(data); }
  SessionData* data() const { return data_.get(); }
  EngineServer& server() const { return server_; }

 private:
  friend class EngineServer;
  friend class WebSocketTransport;
  friend class PollingTransport;
  // kLingering: closed, and kept for the poll that fetches what was queued.
  enum class State : std::uint8_t { kOpen, kLingering, kClosed };

  // Until the next ping, or the latest pong, or the end of lingering.
  class Heartbeat final : public Timer {
   public:
    explicit Heartbeat(EngineSession& session) : session_(session) {}

   private:
    void OnTimer() override;
    EngineSession& session_;
  };

  class Held;

  explicit EngineSession(EngineServer& server);
  ~EngineSession();

  // Sends what was held back; or forgets it.
  void Release();
  void DropHeld();
  // Has the server look at it when the outermost batch ends.
  void Unsettle();
  // Whether more is pending than may be.
  bool Overflows() const;
  // Has the server look at every tick whether something is pending.
  void AwaitDrain();

  EngineServer& server_;
  WebSocketTransport* transport_ = nullptr;    // the current one, if WebSocket
  std::unique_ptr<PollingTransport> polling_;  // the current one, if not
  std::unique_ptr<Held> held_;
  std::unique_ptr<SessionData> data_;
  Heartbeat heartbeat_;
  char id_[20];
  State state_ = State::kOpen;
  bool awaits_pong_ = false;
  bool drain_asked_ = false;
  bool in_draining_ = false;
  bool unsettled_ = false;
  bool overflowed_ = false;
};

// What the sessions say. Called by the server, on its thread; may call anything back.
class EngineHandler {
 public:
  virtual ~EngineHandler() = default;
  // Before a handshake: an answer refuses it.
  virtual std::optional<HttpAnswer> OnHandshake(const HttpRequest& request) {
    (void)request;
    return std::nullopt;
  }
  // The session's open packet is on its way. `request` is that of the handshake.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is the handler's to keep
  virtual void OnOpened(EngineSession& session, std::shared_ptr<const HttpRequest> request) {
    (void)session;
    (void)request;
  }
  // One message; the view ends with the call. Text is well-formed UTF-8.
  virtual void OnMessage(EngineSession& session, std::string_view message, bool binary) = 0;
  // Nothing is pending any more: after it was over a turn's end, or as NotifyDrained asked.
  virtual void OnDrained(EngineSession& session) { (void)session; }
  // Last call.
  virtual void OnClosed(EngineSession& session, CloseReason reason) {
    (void)session;
    (void)reason;
  }
};

// Serves one path of a listener. One per event loop; every call on that loop's thread.
class EngineServer final : public RequestHandler {
 public:
  // REQUIRES: clock and handler outlive the server.
  EngineServer(EngineOptions options, const Clock& clock, EngineHandler& handler);
  // REQUIRES: no link or exchange calls back any more. Sessions left are dropped without a call.
  ~EngineServer() override;

  std::expected<std::unique_ptr<PendingBody>, HttpAnswer> OnHead(const HttpRequest& head) override;
  void OnRequest(HttpRequest request, std::unique_ptr<HttpExchange> exchange) override;
  std::expected<WebSocketReceiver*, HttpAnswer> OnUpgrade(const HttpRequest& request) override;
  std::size_t MaxMessage() const override { return options_.max_payload; }

  // Fires timers. The loop calls it when NextDeadline has come, and may call it more often. `now` is Clock::Steady.
  void OnTick(Millis now);
  // Nothing while there is nothing to wait for.
  std::optional<Millis> NextDeadline() const;

  // From now on new handshakes are answered with 503 (or taken again). Open sessions go on.
  void RefuseHandshakes(bool refuse) { refusing_ = refuse; }
  // Ends every session by its transport alone, so that official clients come back by themselves: WebSockets with
  // `code` (1001 going away, 1012 service restart, 1013 try again later), polling by dropping its poll unanswered
  // (python-socketio takes a close packet as the last word and stays away).
  void CloseAll(std::uint16_t code = 1001);

  const EngineOptions& options() const { return options_; }
  const Clock& clock() const { return clock_; }
  // For timers of the layers above; driven by OnTick.
  TimerWheel& timers() { return timers_; }
  std::size_t session_count() const { return sessions_.size(); }
  std::size_t websocket_count() const { return websockets_; }
  const EngineStats& stats() const { return stats_; }

  // While one lives, polls are not answered and overflowing sessions not closed; its end does both once. Every entry
  // into the server holds one. An application that emits many messages outside of a handler saves polling clients
  // round trips by holding one.
  class Batch {
   public:
    explicit Batch(EngineServer& server) : server_(server) { ++server_.depth_; }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
      if (server_.depth_ == 1 && !server_.settled()) server_.Settle();
      --server_.depth_;
    }

   private:
    EngineServer& server_;
  };

 private:
  friend class EngineSession;
  friend class WebSocketTransport;
  friend class PollingTransport;
  class PendingPost;

  struct IdHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
    std::size_t operator()(const EngineSession* session) const { return (*this)(session->id()); }
  };
  struct IdEqual {
    using is_transparent = void;
    static std::string_view Id(std::string_view id) { return id; }
    static std::string_view Id(const EngineSession* session) { return session->id(); }
    bool operator()(const auto& a, const auto& b) const { return Id(a) == Id(b); }
  };

  bool settled() const { return unsettled_.empty() && ended_.empty(); }
  void EndOverflowed();
  EngineSession* Find(std::string_view id) const;
  // The refusal of a handshake, if it has to be.
  std::optional<HttpAnswer> CheckHandshake(const HttpRequest& request);
  HttpAnswer Busy(const HttpRequest& request, int status) const;
  EngineSession& Open();
  std::string OpenPacket(const EngineSession& session) const;
  void OnPacket(EngineSession& session, const EnginePacket& packet);
  void OnHeartbeat(EngineSession& session);
  void Drained(EngineSession& session);
  // Closes for good. A poll that waits is told `last_packet`, or dropped if that is empty.
  void End(EngineSession& session, CloseReason reason, std::uint16_t code, std::string_view last_packet);
  void Closed(EngineSession& session, CloseReason reason);
  void Forget(EngineSession& session);
  HttpAnswer Answer(const HttpRequest& request, int status, std::string body) const;
  HttpAnswer Refusal(const HttpRequest& request, int code) const;
  HttpAnswer Preflight(const HttpRequest& request) const;
  void Handshake(HttpRequest request, HttpExchange& exchange);
  void Poll(EngineSession& session, const HttpRequest& request, std::unique_ptr<HttpExchange> exchange);
  void Post(EngineSession& session, const HttpRequest& request, HttpExchange& exchange);
  void Settle();
  void SettleOne(EngineSession& session);

  EngineOptions options_;
  const Clock& clock_;
  EngineHandler& handler_;
  TimerWheel timers_;
  std::unordered_set<EngineSession*, IdHash, IdEqual> sessions_;
  std::unordered_set<WebSocketTransport*> orphans_;  // WebSockets without a session: not open yet, or closing
  std::vector<EngineSession*> unsettled_;            // with a poll to answer or an overflow
  std::vector<EngineSession*> overflowed_;           // to be ended at the next tick
  std::vector<EngineSession*> draining_;             // that asked for OnDrained
  std::vector<EngineSession*> ended_;                // deleted when the outermost batch ends
  std::unordered_map<std::string, std::size_t> polling_by_address_;
  EngineStats stats_;
  std::size_t websockets_ = 0;
  std::size_t queued_ = 0;  // bytes that wait for polls
  int depth_ = 0;
  bool sending_ = false;    // settles within a send, which ends no session
  bool refusing_ = false;
};

}  // namespace tidings::realtime
