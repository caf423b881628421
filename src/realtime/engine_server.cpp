#include <tidings/realtime/engine_server.hpp>

#include <algorithm>

#include <utility>

#include "guard.hpp"
#include "transport.hpp"

namespace tidings::realtime {

namespace {

constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kInternalError = 1011;
constexpr std::uint16_t kTryAgainLater = 1013;
// A loop that comes this late was stopped or starved, and the client is not to blame.
constexpr Millis kLate = 100;
constexpr Millis kDrainCheck = 16;

const FrameRef& Ping() {
  static const FrameRef ping = Frame::Text("2");
  return ping;
}

}  // namespace

EngineServer::EngineServer(EngineOptions options, const Clock& clock, EngineHandler& handler)
    : options_(std::move(options)), clock_(clock), handler_(handler), timers_(clock.Steady()) {}

EngineServer::~EngineServer() {
  ++depth_;  // nothing settles any more
  std::vector<WebSocketTransport*> transports(orphans_.begin(), orphans_.end());
  ended_.insert(ended_.end(), sessions_.begin(), sessions_.end());
  sessions_.clear();
  for (EngineSession* session : ended_) {
    if (session->transport_ != nullptr) transports.push_back(session->transport_);
    delete session;
  }
  for (WebSocketTransport* transport : transports) delete transport;
}

EngineSession* EngineServer::Find(std::string_view id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : *found;
}

EngineSession& EngineServer::Open() {
  auto* session = new EngineSession(*this);
  sessions_.insert(session);
  timers_.Arm(session->heartbeat_, clock_.Steady() + options_.ping_interval);
  ++stats_.opened;
  return *session;
}

void EngineServer::OnPacket(EngineSession& session, const EnginePacket& packet) {
  if (session.state_ != EngineSession::State::kOpen) return;
  switch (packet.type) {
    case EngineType::kMessage:
      if (!Guard("message", [&] { handler_.OnMessage(session, packet.data, packet.binary); })) {
        session.Close(CloseReason::kForcedClose, kInternalError);
      }
      return;
    case EngineType::kPong:
      if (!session.awaits_pong_) return;
      session.awaits_pong_ = false;
      return timers_.Arm(session.heartbeat_, clock_.Steady() + options_.ping_interval);
    case EngineType::kClose: return End(session, CloseReason::kTransportClose, kNormalClosure, "6");
    case EngineType::kNoop:
    case EngineType::kUpgrade: return;
    case EngineType::kOpen:
    case EngineType::kPing: return End(session, CloseReason::kParseError, kProtocolError, "1");
  }
}

void EngineServer::OnHeartbeat(EngineSession& session) {
  if (session.state_ == EngineSession::State::kLingering) return Forget(session);
  const Millis now = clock_.Steady();
  const Millis due = session.heartbeat_.deadline();
  if (session.awaits_pong_) return End(session, CloseReason::kPingTimeout, kGoingAway, "1");
  session.awaits_pong_ = true;
  // From when the ping was due, so that lateness of the loop does not add up; unless it would not leave the time.
  timers_.Arm(session.heartbeat_, (now - due < kLate ? due : now) + options_.ping_timeout);
  session.Send(Ping());
}

void EngineServer::Drained(EngineSession& session) {
  session.drain_asked_ = false;
  Guard("drained", [&] { handler_.OnDrained(session); });
}

void EngineServer::End(EngineSession& session, CloseReason reason, std::uint16_t code, std::string_view last_packet) {
  if (session.state_ == EngineSession::State::kClosed) return;
  const bool was_open = std::exchange(session.state_, EngineSession::State::kClosed) == EngineSession::State::kOpen;
  Forget(session);
  session.Release();
  if (session.transport_ != nullptr) session.transport_->Close(code);
  if (session.polling_ != nullptr) {
    if (session.polling_->probe != nullptr) session.polling_->probe->Close(code);
    if (session.polling_->waiting()) {
      if (last_packet.empty()) {
        session.polling_->Forget();
      } else {
        session.polling_->Respond(std::string(last_packet));
      }
    }
  }
  if (was_open) Closed(session, reason);
}

void EngineServer::Closed(EngineSession& session, CloseReason reason) {
  ++stats_.closed[static_cast<std::size_t>(reason)];
  Guard("closed", [&] { handler_.OnClosed(session, reason); });
}

void EngineServer::Forget(EngineSession& session) {
  session.state_ = EngineSession::State::kClosed;
  session.heartbeat_.Disarm();
  if (sessions_.erase(&session) > 0) ended_.push_back(&session);
}

void EngineServer::Settle() {
  while (!unsettled_.empty() || !ended_.empty()) {
    for (EngineSession* session : std::exchange(unsettled_, {})) {
      session->unsettled_ = false;
      SettleOne(*session);
    }
    if (!unsettled_.empty()) continue;
    for (EngineSession* session : std::exchange(ended_, {})) {
      if (session->in_draining_) std::erase(draining_, session);
      if (session->overflowed_) std::erase(overflowed_, session);
      delete session;
    }
  }
}

void EngineServer::SettleOne(EngineSession& session) {
  if (session.open() && session.Overflows()) {
    if (!sending_) return End(session, CloseReason::kTransportError, kTryAgainLater, "1");
    if (!std::exchange(session.overflowed_, true)) overflowed_.push_back(&session);
    return;
  }
  PollingTransport* polling = session.polling_.get();
  if (session.state_ == EngineSession::State::kClosed || polling == nullptr || !polling->waiting()) return;
  if (polling->empty()) {
    if (polling->probed) polling->Respond("6");
    return;
  }
  std::string payload = polling->TakePayload(options_.max_poll_packets, options_.max_payload);
  const bool emptied = polling->empty();
  polling->Respond(std::move(payload));  // may be answered by the client's next request at once
  if (!emptied || session.state_ == EngineSession::State::kClosed) return;
  if (session.open()) {
    Drained(session);
  } else {
    Forget(session);
  }
}

void EngineServer::EndOverflowed() {
  for (EngineSession* session : std::exchange(overflowed_, {})) {
    session->overflowed_ = false;
    if (session->open() && session->Overflows()) {
      End(*session, CloseReason::kTransportError, kTryAgainLater, "1");
    }
  }
}

void EngineServer::OnTick(Millis now) {
  const Batch batch(*this);
  EndOverflowed();
  timers_.Advance(now);
  // For links that do not know NotifyDrained.
  for (EngineSession* session : std::exchange(draining_, {})) {
    session->in_draining_ = false;
    if (!session->open() || !session->drain_asked_) continue;
    if (session->pending_bytes() == 0) {
      Drained(*session);
    } else {
      session->AwaitDrain();
    }
  }
}

std::optional<Millis> EngineServer::NextDeadline() const {
  if (!overflowed_.empty()) return clock_.Steady();
  auto next = timers_.NextDeadline();
  if (!draining_.empty()) {
    const Millis soon = clock_.Steady() + kDrainCheck;
    next = next ? std::min(*next, soon) : soon;
  }
  return next;
}

void EngineServer::CloseAll(std::uint16_t code) {
  const Batch batch(*this);
  for (EngineSession* session : std::vector(sessions_.begin(), sessions_.end())) {
    if (session->websocket()) {
      session->Close(CloseReason::kServerShutdown, code);
    } else {
      // A poll is dropped, not answered with a close packet: python-socketio would take that as the last word.
      End(*session, CloseReason::kServerShutdown, code, {});
    }
  }
  for (WebSocketTransport* transport : std::vector(orphans_.begin(), orphans_.end())) transport->Close(code);
}

}  // namespace tidings::realtime
