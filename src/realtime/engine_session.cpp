#include <cstring>
#include <utility>

#include <tidings/base/id.hpp>

#include "transport.hpp"

namespace tidings::realtime {

namespace {

constexpr Millis kLinger = 10'000;

}  // namespace

EngineSession::EngineSession(EngineServer& server) : server_(server), heartbeat_(*this) {
  const std::string id = RandomToken(sizeof id_);
  std::memcpy(id_, id.data(), sizeof id_);
}

EngineSession::~EngineSession() = default;

void EngineSession::Heartbeat::OnTimer() { session_.server_.OnHeartbeat(session_); }

void EngineSession::Send(FrameRef frame) {
  if (state_ != State::kOpen) return;
  if (transport_ != nullptr) {
    WebSocketLink& link = transport_->link();
    link.Send(std::move(frame));
    if (link.Pending() > server_.options_.max_pending) [[unlikely]]
      Unsettle();
    return;
  }
  polling_->Push(std::move(frame));
  if (polling_->waiting() || polling_->bytes() > server_.options_.max_pending) Unsettle();
}

bool EngineSession::writable() const {
  if (state_ != State::kOpen) return false;
  return transport_ != nullptr ? transport_->link().Pending() == 0 : polling_->waiting() && polling_->empty();
}

std::size_t EngineSession::pending_bytes() const {
  if (transport_ != nullptr) return transport_->link().Pending();
  return polling_ != nullptr ? polling_->bytes() : 0;
}

void EngineSession::NotifyDrained() {
  if (state_ != State::kOpen) return;
  if (transport_ != nullptr) transport_->link().NotifyDrained();
  drain_asked_ = true;
  AwaitDrain();
}

void EngineSession::AwaitDrain() {
  if (std::exchange(in_draining_, true)) return;
  server_.draining_.push_back(this);
}

void EngineSession::Close(CloseReason reason, std::uint16_t code) {
  if (state_ != State::kOpen) return;
  const EngineServer::Batch batch(server_);
  if (polling_ != nullptr) {
    // What is queued can still be fetched, and then the close packet.
    polling_->Push(Frame::Text("1"));
    state_ = State::kLingering;
    server_.timers_.Arm(heartbeat_, server_.clock_.Steady() + kLinger);
    Unsettle();
    if (polling_->probe != nullptr) polling_->probe->Close(code);
    server_.handler_.OnClosed(*this, reason);
  } else {
    server_.End(*this, reason, code, {});
  }
}

void EngineSession::Unsettle() {
  if (unsettled_) return;
  const EngineServer::Batch batch(server_);
  unsettled_ = true;
  server_.unsettled_.push_back(this);
}

}  // namespace tidings::realtime
