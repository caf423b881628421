#include "transport.hpp"

namespace tidings::realtime {

namespace {

constexpr std::uint16_t kPolicyViolation = 1008;

}  // namespace

WebSocketTransport::WebSocketTransport(EngineServer& server, std::shared_ptr<const HttpRequest> request)
    : server_(server), request_(std::move(request)), stage_(Stage::kNew) {
  server_.orphans_.insert(this);
}

WebSocketTransport::WebSocketTransport(EngineServer& server, EngineSession* session)
    : server_(server), session_(session), stage_(session == nullptr ? Stage::kClosing : Stage::kProbe) {
  server_.orphans_.insert(this);
  if (session_ == nullptr) return;
  session_->polling_->probe = this;
  upgrade_timer_ = std::make_unique<FunctionTimer>([this] { Close(kPolicyViolation); });
  server_.timers_.Arm(*upgrade_timer_, server_.clock_.Steady() + server_.options_.upgrade_timeout);
}

WebSocketTransport::~WebSocketTransport() { server_.orphans_.erase(this); }

void WebSocketTransport::OnOpen(WebSocketLink& link) {
  const EngineServer::Batch batch(server_);
  link_ = &link;
  switch (stage_) {
    case Stage::kNew: {
      if (server_.refusing_) return Close(1013);
      server_.orphans_.erase(this);
      stage_ = Stage::kActive;
      session_ = &server_.Open();
      session_->transport_ = this;
      ++server_.websockets_;
      link.Send(Frame::Text(server_.OpenPacket(*session_)));
      server_.handler_.OnOpened(*session_, std::move(request_));
      return;
    }
    case Stage::kClosing: return link.Close(close_code_, {});
    case Stage::kProbe:
    case Stage::kActive: return;
  }
}

void WebSocketTransport::OnMessage(std::string_view message, bool binary) {
  if (stage_ == Stage::kActive) {
    const EngineServer::Batch batch(server_);
    session_->Release();
    if (binary) return server_.OnPacket(*session_, {EngineType::kMessage, true, message});
    const auto packet = DecodeEnginePacket(message);
    if (!packet) return server_.End(*session_, CloseReason::kParseError, 1002, {});
    server_.OnPacket(*session_, *packet);
  } else if (stage_ == Stage::kProbe) {
    const EngineServer::Batch batch(server_);
    OnProbe(message, binary);
  }
}

// Engine.IO v4 "Upgrade": 2probe is answered 3probe, the poll that waits is released, 5 completes.
void WebSocketTransport::OnProbe(std::string_view message, bool binary) {
  PollingTransport& polling = *session_->polling_;
  if (!binary && message == "2probe" && !polling.probed) {
    polling.probed = true;
    link_->Send(Frame::Text("3probe"));
    if (polling.waiting()) session_->Unsettle();
  } else if (!binary && message == "5" && polling.probed) {
    TakeOver();
  } else {
    Close(kPolicyViolation);
  }
}

void WebSocketTransport::TakeOver() {
  upgrade_timer_.reset();
  server_.orphans_.erase(this);
  stage_ = Stage::kActive;
  ++server_.stats_.upgraded;
  const auto polling = std::move(session_->polling_);
  session_->transport_ = this;
  ++server_.websockets_;
  while (!polling->empty()) link_->Send(polling->Take());
  if (polling->waiting()) polling->Respond("6");
}

void WebSocketTransport::OnDrained() {
  if (stage_ != Stage::kActive) return;
  const EngineServer::Batch batch(server_);
  server_.Drained(*session_);
}

void WebSocketTransport::Close(std::uint16_t code) {
  if (stage_ == Stage::kActive) {
    session_->transport_ = nullptr;
    --server_.websockets_;
    server_.orphans_.insert(this);
  } else if (stage_ == Stage::kProbe && session_->polling_ != nullptr) {
    session_->polling_->probe = nullptr;
    session_->polling_->probed = false;
  }
  session_ = nullptr;
  request_.reset();
  stage_ = Stage::kClosing;
  close_code_ = code;
  if (link_ != nullptr) link_->Close(code, {});
  // Last, since the timer may be what calls.
  if (upgrade_timer_) upgrade_timer_->Disarm();
}

void WebSocketTransport::OnClosed() {
  const EngineServer::Batch batch(server_);
  EngineSession* carried = stage_ == Stage::kActive ? session_ : nullptr;
  link_ = nullptr;
  Close(0);
  if (carried != nullptr) server_.End(*carried, CloseReason::kTransportClose, 0, {});
  delete this;
}

}  // namespace tidings::realtime
