// A Socket.IO v5 server (official clients 3 and 4) without I/O: namespaces, rooms, acknowledgements, over Engine.IO.
// https://socket.io/docs/v4/socket-io-protocol/
//
//   SocketServer server({}, clock);
//   server.Of("/").On("hello", [](Socket& socket, Args args, AckSender ack) { ack("hello to you"); });
//   listener.Route("/socket.io/", server);   // whatever listens; it is a RequestHandler
//   … the loop calls server.OnTick(clock.Steady()) when server.NextDeadline() has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tidings/realtime/engine_server.hpp>
#include <tidings/realtime/namespace.hpp>

namespace tidings::realtime {

// Connection state recovery as in Socket.IO's own server: in memory, for a while, lost with the process. Off by
// default. For recovery out of a durable log see Acceptance::id and pid.
struct RecoveryOptions {
  Millis max_disconnection = 0;      // how long a session waits for its client; 0: off
  std::size_t max_packets = 10'000;  // kept in a namespace; a client that missed more is not recovered
  bool skip_middlewares = true;      // for clients that are recovered
};

struct SocketOptions {
  EngineOptions engine;
  Millis connect_timeout = 45'000;  // for a connection that is in no namespace
  // For so long, unless the client speaks first, what follows the answer to a CONNECT over WebSocket is held back:
  // clients that await one message at a time (the public protocol suites are such) lose those that arrive with it.
  Millis connect_gap = 5;
  Millis attachment_timeout = 10'000;    // from a binary packet's text to its last attachment
  std::size_t max_attachments = 10;      // of a packet
  std::size_t max_attachment_bytes = 0;  // of all attachments of a packet; 0: engine.max_payload
  std::size_t max_namespace = 128;       // bytes of a name; longer: the connection is closed
  std::size_t max_refusals = 16;         // CONNECTs refused on a connection before it is closed
  bool keep_handshake = false;           // else it is freed once a connection is in every namespace there is
  RecoveryOptions recovery;
};

// Carries broadcasts that are not Local() to other servers: other loops of this process, or other nodes.
class Relay {
 public:
  virtual ~Relay() = default;
  // Called for each broadcast after its local delivery. The other side calls Namespace::Deliver.
  virtual void Publish(const Namespace& nsp, const BroadcastTarget& target, const EncodedPacket& packet) = 0;
};

// One per event loop; every call on that loop's thread. Namespaces are set up before the first connection.
class SocketServer final : public RequestHandler, private EngineHandler {
 public:
  // REQUIRES: clock outlives the server.
  SocketServer(SocketOptions options, const Clock& clock);
  // REQUIRES: no link or exchange calls back any more. Sockets left are dropped without a call.
  ~SocketServer() override;

  // The namespace of this name, made if there is none. "/" is always there. REQUIRES: name begins with a slash.
  Namespace& Of(std::string_view name);

  std::expected<std::unique_ptr<PendingBody>, HttpAnswer> OnHead(const HttpRequest& head) override;
  void OnRequest(HttpRequest request, std::unique_ptr<HttpExchange> exchange) override;
  std::expected<WebSocketReceiver*, HttpAnswer> OnUpgrade(const HttpRequest& request) override;
  std::size_t MaxMessage() const override { return engine_.MaxMessage(); }

  // As in EngineServer.
  void OnTick(Millis now) { engine_.OnTick(now); }
  std::optional<Millis> NextDeadline() const { return engine_.NextDeadline(); }
  void RefuseHandshakes(bool refuse) { engine_.RefuseHandshakes(refuse); }
  void CloseAll(std::uint16_t code = 1001) { engine_.CloseAll(code); }

  // Asked before each Engine.IO handshake, for example for limits by address; an answer refuses it.
  void OnHandshake(std::move_only_function<std::optional<HttpAnswer>(const HttpRequest&)> check);
  // REQUIRES: relay outlives the server, or is null.
  void SetRelay(Relay* relay) { relay_ = relay; }

  EngineServer& engine() { return engine_; }
  const SocketOptions& options() const { return options_; }

 private:
  friend class Admission;
  friend class Broadcast;
  friend class Connection;
  friend class Namespace;
  friend class Socket;

  std::optional<HttpAnswer> OnHandshake(const HttpRequest& request) override;
  void OnOpened(EngineSession& session, std::shared_ptr<const HttpRequest> request) override;
  void OnMessage(EngineSession& session, std::string_view message, bool binary) override;
  void OnDrained(EngineSession& session) override;
  void OnClosed(EngineSession& session, CloseReason reason) override;
  Namespace* FindNamespace(std::string_view name) const;

  SocketOptions options_;
  DecodeLimits limits_;
  std::move_only_function<std::optional<HttpAnswer>(const HttpRequest&)> check_;
  Relay* relay_ = nullptr;
  EngineServer engine_;  // before the namespaces, whose sockets' timers it drives
  std::unordered_map<std::string, std::unique_ptr<Namespace>, Namespace::NameHash, std::equal_to<>> namespaces_;
};

}  // namespace tidings::realtime
