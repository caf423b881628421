#include <cstring>
#include <utility>
#include <vector>

#include <tidings/base/id.hpp>

#include "transport.hpp"

namespace tidings::realtime {

namespace {

constexpr Millis kLinger = 10'000;
// What a session may have queued while all together have too much.
constexpr std::size_t kFairShare = 64 * 1024;

}  // namespace

// What waits until the client had the time to read what went before.
class EngineSession::Held final : public Timer {
 public:
  explicit Held(EngineSession& session) : session_(session) {}

  void Push(FrameRef frame) {
    bytes_ += frame->wire().size();
    frames_.push_back(std::move(frame));
  }
  std::size_t bytes() const { return bytes_; }
  std::vector<FrameRef> Take() { return std::move(frames_); }

 private:
  void OnTimer() override { session_.Release(); }

  EngineSession& session_;
  std::vector<FrameRef> frames_;
  std::size_t bytes_ = 0;
};

EngineSession::EngineSession(EngineServer& server) : server_(server), heartbeat_(*this) {
  const std::string id = RandomToken(sizeof id_);
  std::memcpy(id_, id.data(), sizeof id_);
}

EngineSession::~EngineSession() = default;

void EngineSession::Heartbeat::OnTimer() { session_.server_.OnHeartbeat(session_); }

void EngineSession::Send(FrameRef frame) {
  if (state_ != State::kOpen) return;
  if (transport_ != nullptr) {
    if (held_ != nullptr) [[unlikely]] {
      held_->Push(std::move(frame));
      if (Overflows()) Unsettle();
      return;
    }
    WebSocketLink& link = transport_->link();
    link.Send(std::move(frame));
    if (link.Pending() > server_.options_.max_pending) [[unlikely]]
      Unsettle();
    return;
  }
  polling_->Push(std::move(frame));
  if (polling_->waiting() || Overflows()) Unsettle();
}

bool EngineSession::Overflows() const {
  const std::size_t pending = pending_bytes();
  if (pending > server_.options_.max_pending) return true;
  return polling_ != nullptr && server_.queued_ > server_.options_.max_queued && pending > kFairShare;
}

bool EngineSession::writable() const {
  if (state_ != State::kOpen) return false;
  if (held_ != nullptr) return false;
  return transport_ != nullptr ? transport_->link().Pending() == 0 : polling_->waiting() && polling_->empty();
}

std::size_t EngineSession::pending_bytes() const {
  if (transport_ != nullptr) return transport_->link().Pending() + (held_ == nullptr ? 0 : held_->bytes());
  return polling_ != nullptr ? polling_->bytes() : 0;
}

void EngineSession::NotifyDrained() {
  if (state_ != State::kOpen) return;
  if (transport_ != nullptr) transport_->link().NotifyDrained();
  drain_asked_ = true;
  AwaitDrain();
}

void EngineSession::HoldBack(Millis time) {
  if (state_ != State::kOpen || transport_ == nullptr || held_ != nullptr) return;
  held_ = std::make_unique<Held>(*this);
  server_.timers_.Arm(*held_, server_.clock_.Steady() + time);
}

void EngineSession::DropHeld() { held_.reset(); }

void EngineSession::Release() {
  const auto held = std::move(held_);
  if (held == nullptr || transport_ == nullptr) return;
  WebSocketLink& link = transport_->link();
  for (FrameRef& frame : held->Take()) link.Send(std::move(frame));
  if (drain_asked_) link.NotifyDrained();
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
    server_.Closed(*this, reason);
  } else {
    server_.End(*this, reason, code, {});
  }
}

void EngineSession::Unsettle() {
  if (server_.depth_ > 0) {
    if (std::exchange(unsettled_, true)) return;
    server_.unsettled_.push_back(this);
    return;
  }
  // Who sends outside of a batch may be walking over sessions, so that none ends under them.
  if (Overflows()) {
    if (!std::exchange(overflowed_, true)) server_.overflowed_.push_back(this);
    return;
  }
  server_.sending_ = true;
  {
    const EngineServer::Batch batch(server_);
    Unsettle();
  }
  server_.sending_ = false;
}

}  // namespace tidings::realtime
