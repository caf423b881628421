// Socket: one client in one namespace, as handlers see it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/realtime/arguments.hpp>
#include <tidings/realtime/broadcast.hpp>
#include <tidings/realtime/engine_server.hpp>
#include <tidings/realtime/reason.hpp>
#include <tidings/realtime/socket_packet.hpp>

namespace tidings::realtime {

class AckSender;
class Connection;
class Namespace;
class RecoveryLog;
class Room;
class Socket;

// The answer of a client to an event, or kTimeout, or kUnavailable when the socket went away first.
using AckCallback = std::move_only_function<void(Result<Args>)>;
using EventHandler = std::move_only_function<void(Socket&, Args, AckSender)>;
using AnyHandler = std::move_only_function<void(Socket&, std::string_view event, const Args&)>;

// Keeps a Socket's memory. It may be copied and dropped on any thread; the socket may be called on the server's thread
// only. Once it has disconnected, calls on it do nothing.
class SocketRef {
 public:
  SocketRef() = default;
  explicit SocketRef(Socket& socket);
  SocketRef(const SocketRef& other);
  SocketRef(SocketRef&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  SocketRef& operator=(SocketRef other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~SocketRef();

  Socket* get() const { return socket_; }
  Socket* operator->() const { return socket_; }
  Socket& operator*() const { return *socket_; }
  explicit operator bool() const { return socket_ != nullptr; }
  friend bool operator==(const SocketRef&, const SocketRef&) = default;

 private:
  Socket* socket_ = nullptr;
};

// Valid until the namespace's OnDisconnect has returned, and as memory as long as there is a SocketRef.
class Socket {
 public:
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Public and stable; it is a room of its own: namespace.To(id).
  std::string_view id() const { return {id_, id_size_}; }
  Namespace& nsp() const { return *nsp_; }
  bool connected() const { return connected_; }
  // Whether it was brought back by the in-memory recovery.
  bool recovered() const { return recovered_; }
  // Over WebSocket by now, not by polling.
  bool websocket() const;

  // Emits an event: socket.Emit("hello", 1, "two", json::object{{"three", 3}}, Binary{bytes}), or with the arguments
  // as they came: socket.Emit("back", args).
  template <class... Values>
  void Emit(std::string_view event, const Values&... values) {
    EmitPacked(event, Pack(values...));
  }
  // Emits only if it would go out in this turn; false if it was dropped.
  template <class... Values>
  bool EmitVolatile(std::string_view event, const Values&... values) {
    return writable() && (EmitPacked(event, Pack(values...), false), true);
  }
  // Emits and calls back once: with the client's answer, with kTimeout after `timeout` milliseconds, or with
  // kUnavailable when the socket goes away. REQUIRES: timeout > 0.
  template <class... Values>
  void EmitWithAck(Millis timeout, AckCallback callback, std::string_view event, const Values&... values) {
    EmitAwaiting(timeout, std::move(callback), event, Pack(values...));
  }

  // Sends what was encoded before, for this namespace, once for many. Not kept for recovery.
  void Send(const FrameRef& frame) {
    if (session_ != nullptr) session_->Send(frame);
  }
  void Send(const EncodedPacket& packet);

  bool writable() const { return session_ != nullptr && session_->writable(); }
  // Bytes queued for this client that the kernel, or a poll, has not taken yet; of all its namespaces.
  std::size_t pending_bytes() const { return session_ == nullptr ? 0 : session_->pending_bytes(); }
  // Asks that the namespace's OnDrained be called once nothing is pending, at the end of this turn at the earliest.
  void NotifyDrained() {
    if (session_ != nullptr) session_->NotifyDrained();
  }

  void Join(std::string_view room);
  void Leave(std::string_view room);
  bool InRoom(std::string_view room) const;
  std::size_t room_count() const { return memberships_.size(); }
  // The views end with the next change.
  std::vector<std::string_view> Rooms() const;

  // Broadcasts to others in the namespace; never to this socket itself.
  Broadcast ToOthers() const;
  Broadcast To(std::string_view room) const { return ToOthers().To(room); }
  Broadcast Except(std::string_view room) const { return ToOthers().Except(room); }

  // Handlers of this socket alone, called instead of the namespace's. A later one for the same event replaces the
  // former. May be called from within handlers.
  void On(std::string_view event, EventHandler handler);
  void Off(std::string_view event);
  void OnAny(AnyHandler handler);

  // Leaves the namespace: the client is told and stays away. With `close` the whole connection is closed instead, by
  // its transport, and the client comes back by itself. OnDisconnect is called before this returns.
  void Disconnect(bool close = false);

  void set_data(std::unique_ptr<SessionData> data) { data_ = std::move(data); }
  SessionData* data() const { return data_.get(); }

 private:
  friend class Connection;
  friend class Namespace;
  friend class RecoveryLog;
  friend class Room;
  friend class SocketRef;
  friend class SocketServer;

  struct Membership {
    Room* room;
    std::size_t place;  // in the room's list
  };
  struct Handlers;
  struct PendingAcks;

  Socket(Namespace& nsp, Connection& connection, std::string_view id);
  ~Socket();

  template <class... Values>
  static decltype(auto) Pack(const Values&... values) {
    if constexpr (sizeof...(Values) == 1 && (std::is_base_of_v<Arguments, Values> && ...)) {
      return (values, ...);
    } else {
      return Arguments::Of(values...);
    }
  }
  void EmitPacked(std::string_view event, const Arguments& arguments, bool kept = true);
  void EmitAwaiting(Millis timeout, AckCallback callback, std::string_view event, const Arguments& arguments);
  void OnEvent(SocketPacket packet);
  void OnAck(SocketPacket packet);
  void Acknowledge(std::uint64_t ack, Result<Args> answer);
  void LeaveAt(std::size_t place);
  // Takes it out of everything and tells the application.
  void End(CloseReason reason);
  // The same when the server itself goes; nobody is told.
  void Orphan();
  void Release();

  Namespace* nsp_;
  Connection* connection_;
  EngineSession* session_;
  std::unique_ptr<SessionData> data_;
  std::unique_ptr<Handlers> handlers_;
  std::unique_ptr<PendingAcks> acks_;
  std::vector<Membership> memberships_;
  std::uint64_t next_ack_ = 0;
  std::uint64_t mark_ = 0;  // of the broadcast that has seen it
  std::atomic<std::uint32_t> references_{1};
  bool connected_ = true;
  bool recovered_ = false;
  std::uint8_t id_size_ = 0;
  char id_[36];
};

// Answers one event of a client. Empty if the client did not ask; calling it then does nothing. May be kept, moved to
// other threads and dropped there; to be called on the server's thread. Never called: the client never hears back.
//   if (ack) ack("ok", 1);
class AckSender {
 public:
  AckSender() = default;
  AckSender(Socket& socket, std::uint64_t id) : socket_(SocketRef(socket)), id_(id) {}
  AckSender(AckSender&&) noexcept = default;
  AckSender& operator=(AckSender&&) noexcept = default;

  explicit operator bool() const { return static_cast<bool>(socket_); }
  // The socket that asked; null if empty.
  Socket* socket() const { return socket_.get(); }

  // Answers; the first call counts.
  template <class... Values>
  void operator()(const Values&... values) {
    if constexpr (sizeof...(Values) == 1 && (std::is_base_of_v<Arguments, Values> && ...)) {
      Send(values...);
    } else {
      Send(Arguments::Of(values...));
    }
  }
  void Send(const Arguments& arguments);

 private:
  SocketRef socket_;
  std::uint64_t id_ = 0;
};

}  // namespace tidings::realtime
