#include <tidings/realtime/socket.hpp>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "connection.hpp"
#include "guard.hpp"
#include "recovery.hpp"
#include "room.hpp"

namespace tidings::realtime {

namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

}  // namespace

// Shared, so that a handler may replace itself while it runs.
struct Socket::Handlers {
  std::unordered_map<std::string, std::shared_ptr<EventHandler>, TextHash, std::equal_to<>> events;
  std::shared_ptr<AnyHandler> any;
};

struct Socket::PendingAcks {
  struct Entry {
    AckCallback callback;
    std::unique_ptr<Timer> timer;
  };
  std::unordered_map<std::uint64_t, Entry> entries;
};

SocketRef::SocketRef(Socket& socket) : socket_(&socket) { socket.references_.fetch_add(1, std::memory_order_relaxed); }

SocketRef::SocketRef(const SocketRef& other) : socket_(other.socket_) {
  if (socket_ != nullptr) socket_->references_.fetch_add(1, std::memory_order_relaxed);
}

SocketRef::~SocketRef() {
  if (socket_ != nullptr) socket_->Release();
}

void Socket::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

Socket::Socket(Namespace& nsp, Connection& connection, std::string_view id)
    : nsp_(&nsp), connection_(&connection), session_(&connection.session()) {
  id_size_ = static_cast<std::uint8_t>(std::min(id.size(), sizeof id_));
  std::memcpy(id_, id.data(), id_size_);
}

Socket::~Socket() = default;

bool Socket::websocket() const { return session_ != nullptr && session_->websocket(); }

void Socket::Send(const EncodedPacket& packet) {
  if (session_ == nullptr) return;
  session_->Send(packet.head);
  for (const FrameRef& attachment : packet.attachments) session_->Send(attachment);
}

void Socket::EmitPacked(std::string_view event, const Arguments& arguments, bool kept) {
  if (session_ == nullptr) return;
  if (kept && nsp_->recovery_ != nullptr) {
    return Send(nsp_->recovery_->Keep(nsp_->name(), {{std::string(id())}, {}}, event, arguments));
  }
  Send(EncodeEvent(nsp_->name(), event, arguments));
}

void Socket::EmitAwaiting(Millis timeout, AckCallback callback, std::string_view event, const Arguments& arguments) {
  if (session_ == nullptr) return callback(Fail(ErrorCode::kUnavailable, "socket has been disconnected"));
  if (acks_ == nullptr) acks_ = std::make_unique<PendingAcks>();
  const std::uint64_t ack = next_ack_++;
  auto timer = std::make_unique<FunctionTimer>(
      [this, ack] { Acknowledge(ack, Fail(ErrorCode::kTimeout, "operation has timed out")); });
  EngineServer& engine = session_->server();
  engine.timers().Arm(*timer, engine.clock().Steady() + timeout);
  acks_->entries.emplace(ack, PendingAcks::Entry{std::move(callback), std::move(timer)});
  Send(EncodeEvent(nsp_->name(), event, arguments, ack));
}

void Socket::Acknowledge(std::uint64_t ack, Result<Args> answer) {
  if (acks_ == nullptr) return;
  const auto found = acks_->entries.find(ack);
  if (found == acks_->entries.end()) return;
  const SocketRef keep(*this);
  auto entry = std::move(found->second);
  acks_->entries.erase(found);
  if (acks_->entries.empty()) acks_.reset();
  Guard("ack", [&] { entry.callback(std::move(answer)); });
}

void Socket::OnAck(SocketPacket packet) { Acknowledge(*packet.id, std::move(packet.args)); }

void Socket::OnEvent(SocketPacket packet) {
  const SocketRef keep(*this);
  if (handlers_ != nullptr && handlers_->any != nullptr) {
    const auto any = handlers_->any;
    (*any)(*this, packet.event, packet.args);
  }
  if (nsp_->any_) nsp_->any_(*this, packet.event, packet.args);
  if (!connected_) return;

  constexpr std::uint64_t kLastId = (std::uint64_t{1} << 53) - 1;
  AckSender ack = packet.id && *packet.id <= kLastId ? AckSender(*this, *packet.id) : AckSender();
  if (handlers_ != nullptr) {
    const auto own = handlers_->events.find(packet.event);
    if (own != handlers_->events.end()) {
      const auto handler = own->second;
      return (*handler)(*this, std::move(packet.args), std::move(ack));
    }
  }
  const auto found = nsp_->handlers_.find(packet.event);
  if (found != nsp_->handlers_.end()) found->second(*this, std::move(packet.args), std::move(ack));
}

void Socket::On(std::string_view event, EventHandler handler) {
  if (handlers_ == nullptr) handlers_ = std::make_unique<Handlers>();
  handlers_->events.insert_or_assign(std::string(event), std::make_shared<EventHandler>(std::move(handler)));
}

void Socket::Off(std::string_view event) {
  if (handlers_ == nullptr) return;
  const auto found = handlers_->events.find(event);
  if (found != handlers_->events.end()) handlers_->events.erase(found);
}

void Socket::OnAny(AnyHandler handler) {
  if (handlers_ == nullptr) handlers_ = std::make_unique<Handlers>();
  handlers_->any = std::make_shared<AnyHandler>(std::move(handler));
}

Broadcast Socket::ToOthers() const { return nsp_->All().Except(id()); }

void Socket::Disconnect(bool close) {
  if (session_ == nullptr) return;
  const EngineServer::Batch batch(session_->server());
  if (close) return connection_->Close(CloseReason::kServerNamespaceDisconnect);
  Send(EncodeDisconnect(nsp_->name()));
  End(CloseReason::kServerNamespaceDisconnect);
}

void Socket::End(CloseReason reason) {
  if (!connected_) return;
  const SocketRef keep(*this);
  connected_ = false;
  session_ = nullptr;
  Connection& connection = *std::exchange(connection_, nullptr);
  const auto acks = std::move(acks_);
  if (acks != nullptr) {
    for (auto& [id, entry] : acks->entries) {
      Guard("ack", [&] { entry.callback(Fail(ErrorCode::kUnavailable, "socket has been disconnected")); });
    }
  }
  if (nsp_->disconnect_) Guard("disconnect", [&] { nsp_->disconnect_(*this, reason); });
  if (nsp_->recovery_ != nullptr) nsp_->recovery_->End(*this, reason);
  while (!memberships_.empty()) LeaveAt(memberships_.size() - 1);
  nsp_->Remove(*this);
  data_.reset();
  handlers_.reset();
  connection.Remove(*this);
  Release();
}

void Socket::Orphan() {
  connected_ = false;
  session_ = nullptr;
  connection_ = nullptr;
  memberships_.clear();
  acks_.reset();
  handlers_.reset();
  data_.reset();
  Release();
}

void AckSender::Send(const Arguments& arguments) {
  const SocketRef socket = std::move(socket_);
  if (!socket || !socket->connected()) return;
  socket->Send(EncodeAck(socket->nsp().name(), id_, arguments));
}

}  // namespace tidings::realtime
