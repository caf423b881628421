// Broadcast: an event for many sockets, encoded once and shared by reference.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/realtime/arguments.hpp>
#include <tidings/realtime/socket_packet.hpp>

namespace tidings::realtime {

class Namespace;
class SocketRef;

// Whom a broadcast is for. Names are rooms or socket ids; no rooms at all means the whole namespace.
struct BroadcastTarget {
  std::vector<std::string> rooms;   // in at least one of them; once, however many
  std::vector<std::string> except;  // in none of them
  bool is_volatile = false;         // only to those who can take it at once
};

// A target under way, a cheap value:
//   chat.To("room1").To("room2").Except(id).Emit("news", text);
class Broadcast {
 public:
  explicit Broadcast(Namespace& nsp) : nsp_(&nsp) {}

  Broadcast To(std::string_view room) && { return (target_.rooms.emplace_back(room), std::move(*this)); }
  Broadcast To(std::string_view room) const& { return Broadcast(*this).To(room); }
  Broadcast In(std::string_view room) && { return std::move(*this).To(room); }
  Broadcast In(std::string_view room) const& { return To(room); }
  Broadcast Except(std::string_view room) && { return (target_.except.emplace_back(room), std::move(*this)); }
  Broadcast Except(std::string_view room) const& { return Broadcast(*this).Except(room); }
  // Not to other servers (SocketServer::SetRelay).
  Broadcast Local() && { return (local_ = true, std::move(*this)); }
  Broadcast Local() const& { return Broadcast(*this).Local(); }
  Broadcast Volatile() && { return (target_.is_volatile = true, std::move(*this)); }
  Broadcast Volatile() const& { return Broadcast(*this).Volatile(); }

  template <class... Values>
  void Emit(std::string_view event, const Values&... values) const {
    if constexpr (sizeof...(Values) == 1 && (std::is_base_of_v<Arguments, Values> && ...)) {
      EmitPacked(event, values...);
    } else {
      EmitPacked(event, Arguments::Of(values...));
    }
  }
  // Sends what was encoded before, for this namespace. Not kept for recovery.
  void Send(const EncodedPacket& packet) const;

  // Sockets of this server.
  std::vector<SocketRef> FetchSockets() const;
  void SocketsJoin(std::string_view room) const;
  void SocketsLeave(std::string_view room) const;
  // As Socket::Disconnect, each.
  void DisconnectSockets(bool close = false) const;

 private:
  void EmitPacked(std::string_view event, const Arguments& arguments) const;

  Namespace* nsp_;
  BroadcastTarget target_;
  bool local_ = false;
};

}  // namespace tidings::realtime
