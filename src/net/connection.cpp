#include "connection.hpp"

#include <cerrno>
#include <exception>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include <tidings/base/log.hpp>

#include "server_core.hpp"
#include "tls.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kMostHeld = 64 * 1024;  // input that waits until its protocol has time for it
constexpr int kTlsRounds = 16;                // records read in a turn

}  // namespace

Connection::Connection(ServerCore& core, int fd, const IpAddress& peer) : core_(&core), client_(peer), fd_(fd) {}

Connection::~Connection() {
  if (interest_ != 0) core_->loop().Unwatch(fd_, *this);
  close(fd_);
}

void Connection::Attach(ServerCore& core) {
  core_ = &core;
  constexpr std::uint32_t kAtFirst = EPOLLIN | EPOLLRDHUP | EPOLLERR;
  core_->loop().Watch(fd_, kAtFirst, *this);
  interest_ = kAtFirst;
  core_->Add(*this);
  core_->stats().output_held.Add(counted_output_);
  UpdateInterest();
  UpdateDeadline(true);
}

void Connection::Detach() {
  core_->loop().Unwatch(fd_, *this);
  interest_ = 0;
  if (std::exchange(dirty_, false)) core_->flusher().Forget(*this);
  core_->stats().input_held.Subtract(std::exchange(counted_held_, 0));
  core_->stats().output_held.Subtract(counted_output_);
  core_->Remove(*this);
}

// ---- output

void Connection::Send(realtime::FrameRef frame) {
  if (state_ != State::kOpen) return;
  queue_.Push(std::move(frame));
  MarkDirty();
}

void Connection::Send(SharedBytes bytes) {
  if (state_ != State::kOpen) return;
  queue_.Push(std::move(bytes));
  MarkDirty();
}

void Connection::Send(std::string bytes) {
  if (state_ != State::kOpen) return;
  CountOutput(bytes.size());
  queue_.Push(std::move(bytes));
  MarkDirty();
  core_->ShedStalled();
}

void Connection::CountOutput(std::size_t size) {
  counted_output_ += size;
  core_->stats().output_held.Add(size);
}

void Connection::ForgetOutput() { core_->stats().output_held.Subtract(std::exchange(counted_output_, 0)); }

void Connection::MarkDirty() {
  if (dirty_ || blocked_ || state_ == State::kDead) return;
  dirty_ = true;
  core_->flusher().Add(*this);
}

bool Connection::BeginFlush() {
  dirty_ = false;
  if (state_ == State::kDead || blocked_ || (tls_ != nullptr && !tls_->established())) return false;
  if (!queue_.empty()) return true;
  TellDrained();
  FinishIfFlushed();
  return false;
}

void Connection::NotifyDrained() {
  over_turn_ = true;
  MarkDirty();
}

void Connection::TellDrained() {
  if (!std::exchange(over_turn_, false) || state_ != State::kOpen) return;
  protocol_->OnDrained();
  core_->loop().Again();  // whatever it has armed or posted
}

bool Connection::Wrote(long result, std::size_t asked) {
  if (state_ == State::kDead) return true;
  if (result == -EINTR) return false;
  if (result == -EAGAIN || result == -EWOULDBLOCK) {
    SetBlocked(true);
    return true;
  }
  if (result < 0) {
    Abort();
    return true;
  }
  core_->stats().bytes_out.Add(static_cast<std::uint64_t>(result));
  queue_.Consume(static_cast<std::size_t>(result));
  if (listed_ == Wait::kStall && result > 0) UpdateDeadline(true);
  if (static_cast<std::size_t>(result) < asked) {
    SetBlocked(true);
    return true;
  }
  if (!queue_.empty()) return false;
  ForgetOutput();
  SetBlocked(false);
  TellDrained();
  FinishIfFlushed();
  return true;
}

void Connection::LeaveForNextTurn() {
  if (state_ == State::kDead) return;
  over_turn_ = true;
  MarkDirty();
}

void Connection::SetBlocked(bool blocked) {
  blocked_ = blocked;
  if (blocked) {
    over_turn_ = true;
    core_->stats().short_writes.Add();
  }
  UpdateInterest();
  UpdateDeadline(false);
}

void Connection::FinishIfFlushed() {
  if (state_ != State::kFinishing || write_ended_ || !queue_.empty()) return;
  write_ended_ = true;
  if (tls_ != nullptr) tls_->SayEnd();
  if (read_ended_ || shutdown(fd_, SHUT_WR) != 0) return Abort();
  UpdateDeadline(wait_ != Wait::kClose);
}

// ---- ends

void Connection::CloseAfterFlush() {
  if (state_ != State::kOpen) return;
  state_ = State::kFinishing;
  held_.reset();
  paused_ = false;
  MarkDirty();
  UpdateInterest();
  UpdateDeadline(true);
}

void Connection::Abort() {
  if (state_ == State::kDead) return;
  state_ = State::kDead;
  core_->stats().input_held.Subtract(std::exchange(counted_held_, 0));
  ForgetOutput();
  core_->MarkDead(*this);
}

void Connection::TellClosed() {
  if (interest_ != 0) core_->loop().Unwatch(fd_, *this);
  interest_ = 0;
  queue_.Clear();
  held_.reset();
  protocol_->OnClosed();
}

void Connection::Ended() {
  read_ended_ = true;
  UpdateInterest();
  if (state_ == State::kOpen) {
    protocol_->OnEnd();
  } else if (write_ended_) {
    Abort();
  }
}

void Connection::OnTimeout(Wait wait) {
  if (state_ == State::kOpen && protocol_->OnTimeout(wait)) return;
  Abort();
}

void Connection::OnStop() {
  if (state_ != State::kOpen) return;
  if (tls_ != nullptr && !tls_->established()) return Abort();
  protocol_->OnStop();
}

// ---- protocols

void Connection::Become(std::unique_ptr<Protocol> next) {
  if (protocol_ != nullptr) core_->Bury(std::move(protocol_));
  protocol_ = std::move(next);
}

void Connection::BeginTls(std::unique_ptr<TlsStream> tls) { tls_ = std::move(tls); }

void Connection::WaitFor(Wait wait) {
  wait_ = wait;
  UpdateDeadline(true);
}

void Connection::WakeAtTurnEnd() {
  if (awake_ || state_ == State::kDead) return;
  awake_ = true;
  core_->MarkAwake(*this);
}

void Connection::OnWake() {
  awake_ = false;
  try {
    if (open()) protocol_->OnWake();
    if (open() && held_ != nullptr) TakeInput({});
    if (open() && tls_ != nullptr && tls_->established() && !paused_ && !read_ended_) ReadTls();
  } catch (const std::exception& error) {
    log::Err("connection failed", {{"error", error.what()}});
    Abort();
  }
}

void Connection::OnMoved() {
  try {
    protocol_->OnMoved();
  } catch (const std::exception& error) {
    log::Err("connection failed", {{"error", error.what()}});
    Abort();
  }
  if (!queue_.empty()) MarkDirty();
  WakeAtTurnEnd();
}

void Connection::UpdateDeadline(bool renew) {
  if (state_ == State::kDead) return;
  Wait wait = wait_;
  if (state_ == State::kFinishing) {
    wait = blocked_ && wait_ != Wait::kClose ? Wait::kStall : Wait::kClose;
  } else if (blocked_ && wait != Wait::kClose && wait != Wait::kRequest) {
    wait = Wait::kStall;
  }
  if (wait == listed_ && !renew) return;
  listed_ = wait;
  core_->deadlines().Put(*this, wait, core_->loop().Now());
}

void Connection::UpdateInterest() {
  if (state_ == State::kDead || interest_ == 0) return;
  std::uint32_t wanted = EPOLLERR;  // is told in any case
  if (!read_ended_) wanted |= EPOLLRDHUP;
  if (!read_ended_ && !paused_) wanted |= EPOLLIN;
  if (blocked_) wanted |= EPOLLOUT;
  if (wanted == interest_) return;
  interest_ = wanted;
  core_->loop().Rewatch(fd_, interest_, *this);
}

// ---- input

void Connection::OnReady(std::uint32_t events) {
  if (state_ == State::kDead) return;
  try {
    HandleReady(events);
  } catch (const std::exception& error) {
    log::Err("connection failed", {{"error", error.what()}});
    Abort();
  }
}

void Connection::HandleReady(std::uint32_t events) {
  if (tls_ != nullptr && !tls_->established() && !AdvanceHandshake()) return;
  if ((events & EPOLLOUT) != 0) {
    blocked_ = false;  // the interest stays until the write has told
    MarkDirty();
  }
  if (read_ended_ || paused_) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Abort();
    if ((events & EPOLLRDHUP) != 0 && !read_ended_) Ended();
    return;
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) Read();
}

void Connection::Read() {
  if (tls_ != nullptr) {
    ReadTls();
  } else {
    core_->intake().Add(*this);
  }
}

void Connection::ReadNow() {
  if (state_ == State::kDead || read_ended_ || paused_) return;
  // It became TLS by what was read just now; its rest is not for the protocol.
  if (tls_ != nullptr) return;
  const std::span<char> buffer = core_->read_buffer();
  const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  Received(got < 0 ? -errno : got, buffer);
}

void Connection::Received(ssize_t result, std::span<char> buffer) {
  if (state_ == State::kDead) return;
  try {
    if (result > 0) return TakeInput(buffer.first(static_cast<std::size_t>(result)));
    if (result == 0) return Ended();
  } catch (const std::exception& error) {
    log::Err("connection failed", {{"error", error.what()}});
    return Abort();
  }
  if (result != -EAGAIN && result != -EWOULDBLOCK && result != -EINTR) Abort();
}

void Connection::ReadTls() {
  for (int round = 0; round < kTlsRounds && state_ != State::kDead && !paused_; ++round) {
    const std::span<char> buffer = core_->read_buffer();
    std::size_t got = 0;
    switch (tls_->Read(buffer, got)) {
      case TlsOutcome::kDone: TakeInput(buffer.first(got)); break;
      case TlsOutcome::kEnd: return Ended();
      case TlsOutcome::kFailed: return Abort();
      case TlsOutcome::kWantRead:
      case TlsOutcome::kWantWrite: return;
    }
  }
  // OpenSSL may hold what the kernel no longer tells of.
  WakeAtTurnEnd();
}

bool Connection::AdvanceHandshake() {
  switch (tls_->Handshake()) {
    case TlsOutcome::kDone:
      blocked_ = false;
      UpdateInterest();
      MarkDirty();
      return true;
    case TlsOutcome::kWantRead: blocked_ = false; break;
    case TlsOutcome::kWantWrite: blocked_ = true; break;
    default:
      core_->stats().tls_failed.Add();
      Abort();
      return false;
  }
  UpdateInterest();
  return false;
}

void Connection::TakeInput(std::span<char> fresh) {
  core_->stats().bytes_in.Add(fresh.size());
  if (state_ != State::kOpen) return;
  if (listed_ == Wait::kStall) UpdateDeadline(true);
  if (held_ != nullptr) {
    held_->append(fresh.data(), fresh.size());
    const auto input = std::move(held_);
    const std::size_t used = Feed(*input);
    if (open() && used < input->size()) held_ = std::make_unique<std::string>(*input, used);
  } else if (const std::size_t used = Feed(fresh); open() && used < fresh.size()) {
    held_ = std::make_unique<std::string>(fresh.data() + used, fresh.size() - used);
  }
  if (!open()) return;
  const bool pause = held_ != nullptr && held_->size() >= kMostHeld;
  if (pause != paused_) {
    paused_ = pause;
    UpdateInterest();
    if (!pause && tls_ != nullptr) WakeAtTurnEnd();
  }
  CountHeld();
}

std::size_t Connection::Feed(std::span<char> input) {
  std::size_t used = 0;
  while (open()) {
    const Protocol* const spoken = protocol_.get();
    used += protocol_->OnInput(input.subspan(used));
    if (spoken == protocol_.get() || !open()) break;
    if (tls_ != nullptr && !tls_->established()) {
      // What came behind the PROXY header is TLS.
      tls_->Preload({input.data() + used, input.size() - used});
      if (AdvanceHandshake()) WakeAtTurnEnd();
      return input.size();
    }
  }
  return used;
}

void Connection::CountHeld() {
  const std::size_t now = (held_ == nullptr ? 0 : held_->size()) + protocol_->Held();
  ServerStats& stats = core_->stats();
  stats.input_held.Add(now - counted_held_);  // modulo 2^64
  counted_held_ = now;
  if (now > kMostHeld && stats.input_held > core_->options().max_input_held) {
    log::Warning("too much unfinished input", {{"bytes", now}});
    Abort();
  }
}

}  // namespace tidings::net
