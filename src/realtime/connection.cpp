#include "connection.hpp"

#include <algorithm>
#include <utility>

#include "guard.hpp"
#include "recovery.hpp"

namespace tidings::realtime {

// Closes the connection when its time is over.
class Connection::Limit final : public Timer {
 public:
  Limit(Connection& connection, Millis time) : connection_(connection) {
    EngineServer& engine = connection.server_.engine_;
    engine.timers().Arm(*this, engine.clock().Steady() + time);
  }

 private:
  void OnTimer() override { connection_.Close(CloseReason::kForcedClose); }
  Connection& connection_;
};

Connection::Connection(SocketServer& server, EngineSession& session, std::shared_ptr<const HttpRequest> request)
    : server_(server), session_(session), request_(std::move(request)), decoder_(server.limits_) {
  ArmConnectTimer();
}

Connection::~Connection() {
  for (const auto& pending : pending_) pending->Forget();
}

void Connection::ArmConnectTimer() {
  connect_limit_ = std::make_unique<Limit>(*this, server_.options_.connect_timeout);
}

Socket* Connection::Find(std::string_view nsp) const {
  for (const SocketRef& socket : sockets_) {
    if (socket->nsp().name() == nsp) return socket.get();
  }
  return nullptr;
}

std::size_t Connection::FindPending(std::string_view nsp) const {
  const auto found = std::ranges::find_if(pending_, [&](const auto& one) { return one->nsp().name() == nsp; });
  return static_cast<std::size_t>(found - pending_.begin());
}

void Connection::OnText(std::string_view message) { OnPacket(decoder_.Text(message)); }

void Connection::OnBinary(std::string_view message) { OnPacket(decoder_.Attachment(message)); }

void Connection::OnPacket(Result<std::optional<SocketPacket>> packet) {
  if (!packet) return session_.Close(CloseReason::kParseError, 1002);
  if (!*packet) {
    if (attachment_limit_ == nullptr) {
      attachment_limit_ = std::make_unique<Limit>(*this, server_.options_.attachment_timeout);
    }
    return;
  }
  attachment_limit_.reset();
  if ((*packet)->type == SocketType::kConnect) return OnConnect(std::move(**packet));
  Socket* socket = Find((*packet)->nsp);
  if (socket == nullptr) {
    const std::size_t place = FindPending((*packet)->nsp);
    if ((*packet)->type != SocketType::kDisconnect || place == pending_.size()) {
      return Close(CloseReason::kForcedClose);
    }
    pending_[place]->Forget();
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(place));
    return;
  }
  switch ((*packet)->type) {
    case SocketType::kEvent: return socket->OnEvent(std::move(**packet));
    case SocketType::kAck: return socket->OnAck(std::move(**packet));
    default: return socket->End(CloseReason::kClientNamespaceDisconnect);
  }
}

void Connection::OnConnect(SocketPacket packet) {
  if (Find(packet.nsp) != nullptr || FindPending(packet.nsp) != pending_.size()) {
    return Close(CloseReason::kForcedClose);
  }
  Namespace* nsp = server_.FindNamespace(packet.nsp);
  if (nsp == nullptr) return RefuseConnect(packet.nsp, "Invalid namespace", {});
  Handshake handshake{request_, nsp->name(), std::move(packet.auth), server_.engine_.clock().Now()};
  const auto pending = std::make_shared<Admission::Pending>(*this, *nsp, std::move(handshake));
  pending_.push_back(pending);
  if (nsp->recovery_ != nullptr) {
    const json::object& auth = pending->handshake().auth;
    // The client is back before its former connection was found dead.
    if (Socket* former = nsp->recovery_->StillThere(auth)) former->connection_->Close(CloseReason::kForcedClose);
    if (!session_.open()) return;
    if (server_.options_.recovery.skip_middlewares && nsp->recovery_->Knows(auth)) return Admit(*pending);
  }
  pending->Next();
}

void Connection::Admit(Admission::Pending& decided) {
  const auto pending = decided.shared_from_this();
  pending->Forget();
  std::erase(pending_, pending);
  Namespace& nsp = pending->nsp();
  Acceptance& acceptance = pending->acceptance();

  std::optional<RecoveryLog::Restored> restored;
  if (nsp.recovery_ != nullptr) {
    restored = nsp.recovery_->Restore(pending->handshake().auth);
    if (restored) {
      acceptance.id = restored->id;
      acceptance.pid = restored->pid;
      if (!acceptance.data) acceptance.data = std::move(restored->data);
    } else if (acceptance.pid.empty()) {
      acceptance.pid = RecoveryLog::NewPid();
    }
  }
  if (!acceptance.id.empty()) {
    // The client is back before its former connection was found dead.
    if (Socket* former = nsp.Find(acceptance.id)) former->connection_->Close(CloseReason::kForcedClose);
    if (!session_.open()) return;
  }

  Socket& socket = nsp.Add(*this, acceptance.id);
  sockets_.push_back(SocketRef(socket));
  socket.data_ = std::move(acceptance.data);
  connect_limit_.reset();
  if (nsp.recovery_ != nullptr) nsp.recovery_->Begin(socket, acceptance.pid);
  socket.Send(EncodeConnect(nsp.name(), socket.id(), acceptance.pid));
  if (server_.options_.connect_gap > 0) session_.HoldBack(server_.options_.connect_gap);
  if (restored) {
    socket.recovered_ = true;
    for (const std::string& room : restored->rooms) socket.Join(room);
    for (const EncodedPacket& missed : restored->missed) socket.Send(missed);
  }
  if (!server_.options_.keep_handshake && sockets_.size() == server_.namespaces_.size()) request_.reset();
  const SocketRef keep(socket);
  if (nsp.connection_) nsp.connection_(socket, pending->handshake());
}

void Connection::Refuse(Admission::Pending& pending, std::string_view message, std::string_view data) {
  const auto keep = pending.shared_from_this();
  pending.Forget();
  std::erase(pending_, keep);
  RefuseConnect(keep->nsp().name(), message, data);
}

void Connection::RefuseConnect(std::string_view nsp, std::string_view message, std::string_view data) {
  session_.Send(EncodeConnectError(nsp, message, data));
  if (++refusals_ >= server_.options_.max_refusals) Close(CloseReason::kForcedClose);
}

void Connection::Close(CloseReason reason) { session_.Close(reason, 1000); }

void Connection::Remove(Socket& socket) {
  std::erase_if(sockets_, [&](const SocketRef& one) { return one.get() == &socket; });
  if (sockets_.empty() && session_.open()) ArmConnectTimer();
}

void Connection::OnDrained() {
  for (const SocketRef& socket : std::vector(sockets_)) {
    if (!socket->connected() || !socket->nsp().drained_) continue;
    Guard("drained", [&] { socket->nsp().drained_(*socket); });
  }
}

void Connection::OnClosed(CloseReason reason) {
  connect_limit_.reset();
  attachment_limit_.reset();
  for (const auto& pending : std::exchange(pending_, {})) pending->Forget();
  for (const SocketRef& socket : std::vector(sockets_)) socket->End(reason);
}

}  // namespace tidings::realtime
