#include "connection.hpp"

namespace tidings::realtime {

Admission::Admission(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}

Admission& Admission::operator=(Admission&& other) noexcept {
  if (this != &other) {
    Close();
    pending_ = std::move(other.pending_);
  }
  return *this;
}

Admission::~Admission() { Close(); }

void Admission::Accept(Acceptance acceptance) {
  const auto pending = std::move(pending_);
  if (pending == nullptr) return;
  Acceptance& sum = pending->acceptance();
  if (!acceptance.id.empty()) sum.id = std::move(acceptance.id);
  if (!acceptance.pid.empty()) sum.pid = std::move(acceptance.pid);
  if (acceptance.data) sum.data = std::move(acceptance.data);
  pending->Next();
}

void Admission::Refuse(std::string_view message, std::string_view data) {
  if (const auto pending = std::move(pending_)) pending->Refuse(message, data);
}

void Admission::Close() {
  if (const auto pending = std::move(pending_)) pending->Close();
}

bool Admission::waiting() const { return pending_ != nullptr && pending_->waiting(); }

const Handshake& Admission::handshake() const { return pending_->handshake(); }

void Admission::Pending::Next() {
  if (connection_ == nullptr) return;
  const EngineServer::Batch batch(connection_->server().engine());
  if (middleware_ < nsp_.middleware_.size()) {
    const std::size_t next = middleware_++;
    nsp_.middleware_[next](handshake_, Admission(shared_from_this()));
  } else {
    connection_->Admit(*this);
  }
}

void Admission::Pending::Refuse(std::string_view message, std::string_view data) {
  if (connection_ == nullptr) return;
  const EngineServer::Batch batch(connection_->server().engine());
  connection_->Refuse(*this, message, data);
}

void Admission::Pending::Close() {
  if (connection_ == nullptr) return;
  const EngineServer::Batch batch(connection_->server().engine());
  connection_->Close(CloseReason::kForcedClose);
}

}  // namespace tidings::realtime
