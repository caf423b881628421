#include <tidings/realtime/broadcast.hpp>

#include <tidings/realtime/socket_server.hpp>

namespace tidings::realtime {

void Broadcast::EmitPacked(std::string_view event, const Arguments& arguments) const {
  nsp_->Publish(target_, local_, event, arguments);
}

void Broadcast::Send(const EncodedPacket& packet) const { nsp_->Distribute(target_, local_, packet); }

std::vector<SocketRef> Broadcast::FetchSockets() const {
  std::vector<SocketRef> sockets;
  nsp_->ForEach(target_, [&](Socket& socket) { sockets.emplace_back(socket); });
  return sockets;
}

void Broadcast::SocketsJoin(std::string_view room) const {
  for (const SocketRef& socket : FetchSockets()) socket->Join(room);
}

void Broadcast::SocketsLeave(std::string_view room) const {
  for (const SocketRef& socket : FetchSockets()) socket->Leave(room);
}

void Broadcast::DisconnectSockets(bool close) const {
  const EngineServer::Batch batch(nsp_->server().engine());
  for (const SocketRef& socket : FetchSockets()) socket->Disconnect(close);
}

}  // namespace tidings::realtime
