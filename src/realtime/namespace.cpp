#include <tidings/realtime/namespace.hpp>

#include <tidings/base/id.hpp>
#include <tidings/realtime/socket_server.hpp>

#include "recovery.hpp"
#include "room.hpp"

namespace tidings::realtime {

namespace {

constexpr std::size_t kIdLength = 20;

}  // namespace

Namespace::Namespace(SocketServer& server, std::string_view name) : server_(server), name_(name) {
  const RecoveryOptions& recovery = server.options().recovery;
  if (recovery.max_disconnection > 0) {
    recovery_ = std::make_unique<RecoveryLog>(recovery, server.engine().clock());
  }
}

Namespace::~Namespace() {
  for (Socket* socket : sockets_) socket->Orphan();
}

Namespace& Namespace::Use(Middleware middleware) {
  middleware_.push_back(std::move(middleware));
  return *this;
}

Namespace& Namespace::OnConnection(std::move_only_function<void(Socket&, const Handshake&)> handler) {
  connection_ = std::move(handler);
  return *this;
}

Namespace& Namespace::On(std::string_view event, EventHandler handler) {
  handlers_.insert_or_assign(std::string(event), std::move(handler));
  return *this;
}

Namespace& Namespace::OnAny(AnyHandler handler) {
  any_ = std::move(handler);
  return *this;
}

Namespace& Namespace::OnDrained(std::move_only_function<void(Socket&)> handler) {
  drained_ = std::move(handler);
  return *this;
}

Namespace& Namespace::OnDisconnect(std::move_only_function<void(Socket&, CloseReason)> handler) {
  disconnect_ = std::move(handler);
  return *this;
}

Socket* Namespace::Find(std::string_view id) const {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : *found;
}

std::size_t Namespace::RoomSize(std::string_view room) const {
  const auto found = rooms_.find(room);
  return found == rooms_.end() ? 0 : found->second->members().size();
}

Socket& Namespace::Add(Connection& connection, std::string_view id) {
  auto* socket = new Socket(*this, connection, id.empty() ? RandomToken(kIdLength) : id);
  sockets_.insert(socket);
  return *socket;
}

void Namespace::Remove(Socket& socket) { sockets_.erase(&socket); }

Room& Namespace::RoomOf(std::string_view name) {
  const auto found = rooms_.find(name);
  if (found != rooms_.end()) return *found->second;
  return *rooms_.emplace(std::string(name), std::make_unique<Room>(name)).first->second;
}

void Namespace::Drop(Room& room) { rooms_.erase(rooms_.find(room.name())); }

template <class Visit>
void Namespace::Each(const BroadcastTarget& target, const Visit& visit) {
  // A socket that bears this broadcast's mark is left out: it was visited, or is excepted.
  const std::uint64_t mark = ++mark_;
  const auto visit_once = [&](Socket& socket) {
    if (socket.mark_ == mark) return;
    socket.mark_ = mark;
    visit(socket);
  };
  const auto members = [&](std::string_view name, const auto& each) {
    if (const auto room = rooms_.find(name); room != rooms_.end()) {
      for (const Room::Member& member : room->second->members()) each(*member.socket);
    }
    if (Socket* own = Find(name)) each(*own);
  };
  for (const std::string& name : target.except) {
    members(name, [&](Socket& socket) { socket.mark_ = mark; });
  }
  if (target.rooms.empty()) {
    for (Socket* socket : sockets_) visit_once(*socket);
  }
  for (const std::string& name : target.rooms) members(name, visit_once);
}

void Namespace::ForEach(const BroadcastTarget& target, const std::function<void(Socket&)>& visit) {
  Each(target, visit);
}

void Namespace::Deliver(const BroadcastTarget& target, const EncodedPacket& packet) {
  const EngineServer::Batch batch(server_.engine());
  Each(target, [&](Socket& socket) {
    if (!target.is_volatile || socket.writable()) socket.Send(packet);
  });
}

void Namespace::Publish(const BroadcastTarget& target, bool local, std::string_view event, const Arguments& arguments) {
  if (recovery_ == nullptr || target.is_volatile) {
    return Distribute(target, local, EncodeEvent(name_, event, arguments));
  }
  Distribute(target, local, recovery_->Keep(name_, target, event, arguments));
}

void Namespace::Distribute(const BroadcastTarget& target, bool local, const EncodedPacket& packet) {
  Deliver(target, packet);
  if (!local && server_.relay_ != nullptr) server_.relay_->Publish(*this, target, packet);
}

}  // namespace tidings::realtime
