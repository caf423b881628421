// Namespace: a set of sockets with their handlers, middleware and rooms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tidings/realtime/broadcast.hpp>
#include <tidings/realtime/handshake.hpp>
#include <tidings/realtime/socket.hpp>

namespace tidings::realtime {

class RecoveryLog;
class SocketServer;

using Middleware = std::move_only_function<void(const Handshake&, Admission)>;

// Owned by its SocketServer. Handlers are set up before the first connection.
//   server.Of("/chat")
//       .Use([](const Handshake& handshake, Admission admission) { admission.Accept(); })
//       .OnConnection([](Socket& socket, const Handshake&) { socket.Join("lobby"); })
//       .On("say", [](Socket& socket, Args args, AckSender ack) { socket.To("lobby").Emit("said", args); ack(); });
class Namespace {
 public:
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace();

  const std::string& name() const { return name_; }
  SocketServer& server() const { return server_; }

  // Asked in order before a client is let in.
  Namespace& Use(Middleware middleware);
  // The client is in and its CONNECT answered; none of its events has been handed on yet.
  Namespace& OnConnection(std::move_only_function<void(Socket&, const Handshake&)> handler);
  // An event of a client; in the order in which the client sent them. Events without a handler are dropped.
  Namespace& On(std::string_view event, EventHandler handler);
  // Every event, before its handler.
  Namespace& OnAny(AnyHandler handler);
  // Nothing is pending for this socket any more: after it was over a turn's end, or as NotifyDrained asked.
  Namespace& OnDrained(std::move_only_function<void(Socket&)> handler);
  // The socket is gone; its rooms can still be read. Last call about it.
  Namespace& OnDisconnect(std::move_only_function<void(Socket&, CloseReason)> handler);

  // Broadcasts. Without a room: to the whole namespace.
  Broadcast All() { return Broadcast(*this); }
  Broadcast To(std::string_view room) { return All().To(room); }
  Broadcast In(std::string_view room) { return All().To(room); }
  Broadcast Except(std::string_view room) { return All().Except(room); }
  Broadcast Local() { return All().Local(); }
  template <class... Values>
  void Emit(std::string_view event, const Values&... values) {
    All().Emit(event, values...);
  }

  // Null if there is none.
  Socket* Find(std::string_view id) const;
  std::size_t socket_count() const { return sockets_.size(); }
  std::size_t room_count() const { return rooms_.size(); }
  std::size_t RoomSize(std::string_view room) const;

  // Sends to this server's sockets alone: what a Relay does with what came from another server.
  void Deliver(const BroadcastTarget& target, const EncodedPacket& packet);
  // Calls `visit` with each socket of the target. It must not change who is in which room.
  void ForEach(const BroadcastTarget& target, const std::function<void(Socket&)>& visit);

 private:
  friend class Admission;
  friend class Broadcast;
  friend class Connection;
  friend class Room;
  friend class Socket;
  friend class SocketServer;

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    std::size_t operator()(const Socket* socket) const { return (*this)(socket->id()); }
  };
  struct SameId {
    using is_transparent = void;
    static std::string_view Id(std::string_view id) { return id; }
    static std::string_view Id(const Socket* socket) { return socket->id(); }
    bool operator()(const auto& a, const auto& b) const { return Id(a) == Id(b); }
  };

  Namespace(SocketServer& server, std::string_view name);

  Socket& Add(Connection& connection, std::string_view id);
  void Remove(Socket& socket);
  Room& RoomOf(std::string_view name);
  void Drop(Room& room);
  template <class Visit>
  void Each(const BroadcastTarget& target, const Visit& visit);
  void Publish(const BroadcastTarget& target, bool local, std::string_view event, const Arguments& arguments);
  void Distribute(const BroadcastTarget& target, bool local, const EncodedPacket& packet);

  SocketServer& server_;
  std::string name_;
  std::vector<Middleware> middleware_;
  std::unordered_map<std::string, EventHandler, NameHash, std::equal_to<>> handlers_;
  AnyHandler any_;
  std::move_only_function<void(Socket&, const Handshake&)> connection_;
  std::move_only_function<void(Socket&)> drained_;
  std::move_only_function<void(Socket&, CloseReason)> disconnect_;
  std::unordered_set<Socket*, NameHash, SameId> sockets_;
  std::unordered_map<std::string, std::unique_ptr<Room>, NameHash, std::equal_to<>> rooms_;
  std::unique_ptr<RecoveryLog> recovery_;
  std::uint64_t mark_ = 0;
};

}  // namespace tidings::realtime
