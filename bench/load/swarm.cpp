#include "load/swarm.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/websocket.hpp"
#include "load/clock.hpp"
#include "load/scan.hpp"
#include "load/socket.hpp"

namespace tidings::bench {
namespace {

constexpr std::size_t kBufferSize = 1 << 20;
constexpr std::uint64_t kJoinTimeout = 60'000'000;
constexpr std::uint64_t kFirstJoinId = 2;

}  // namespace

Swarm::Swarm(Protocol& protocol, std::uint16_t port, SwarmListener& listener)
    : protocol_(protocol),
      port_(port),
      listener_(listener),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kBufferSize) {}

Swarm::~Swarm() {
  for (const auto& connection : connections_) {
    if (connection->fd >= 0) close(connection->fd);
  }
  close(epoll_);
}

std::uint32_t Swarm::AddRoom(std::string id) {
  rooms_.push_back(std::move(id));
  return static_cast<std::uint32_t>(rooms_.size() - 1);
}

Connection& Swarm::Add(std::string token, std::vector<Stream> streams) {
  Connection& connection = *connections_.emplace_back(std::make_unique<Connection>());
  connection.index = static_cast<std::uint32_t>(connections_.size() - 1);
  connection.token = std::move(token);
  connection.streams = std::move(streams);
  return connection;
}

Connection& Swarm::AddHttp() {
  Connection& connection = Add({}, {});
  connection.http = true;
  return connection;
}

bool Swarm::JoinAll(std::uint32_t concurrency) {
  const std::uint64_t deadline = NowMicros() + kJoinTimeout;
  const bool all = RunUntil(
      [&] {
        while (opening_ < concurrency && next_to_open_ < connections_.size()) Open(*connections_[next_to_open_++]);
        return failed_ > 0 || (opening_ == 0 && next_to_open_ == connections_.size());
      },
      deadline);
  if (!all) std::fprintf(stderr, "bench_load: %u connections did not get through joining\n", opening_);
  return all && failed_ == 0;
}

bool Swarm::RunUntil(const std::function<bool()>& done, std::uint64_t deadline) {
  while (true) {
    const bool finished = done();
    FlushDirty();
    const std::uint64_t now = NowMicros();
    if (finished || now >= deadline) return finished;
    Turn(deadline - now);
  }
}

void Swarm::Post(Connection& connection, std::string_view payload) {
  if (connection.http) {
    connection.out.append(payload);
  } else {
    mask_ = mask_ * 1664525 + 1013904223;
    AppendClientFrame(connection.out, payload, mask_);
  }
  if (connection.dirty || connection.awaits_writable) return;
  connection.dirty = true;
  dirty_.push_back(&connection);
}

void Swarm::Open(Connection& connection) {
  ++opening_;
  connection.state = Connection::State::kUpgrading;
  connection.fd = ConnectTo(port_);
  if (connection.fd < 0) return Fail(connection, std::strerror(errno));
  fcntl(connection.fd, F_SETFL, O_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.u32 = connection.index}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  if (connection.http) {
    connection.state = Connection::State::kJoined;
    --opening_;
    return;
  }
  connection.out.append("GET ").append(protocol_.path()).append(" HTTP/1.1\r\nHost: 127.0.0.1:");
  connection.out.append(std::to_string(port_)).append("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
  connection.out.append("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  Flush(connection);
}

void Swarm::Turn(std::uint64_t micros) {
  const timespec timeout{.tv_sec = static_cast<time_t>(micros / 1000000),
                         .tv_nsec = static_cast<long>(micros % 1000000 * 1000)};
  const int count = epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    Connection& connection = *connections_[events_[i].data.u32];
    if ((events_[i].events & EPOLLOUT) != 0) Flush(connection);
    if ((events_[i].events & ~EPOLLOUT) != 0 && connection.fd >= 0) Receive(connection);
    FlushDirty();
  }
}

void Swarm::Receive(Connection& connection) {
  const std::size_t kept = connection.partial.size();
  if (kept == buffer_.size()) return Fail(connection, "a frame is larger than the buffer");
  std::memcpy(buffer_.data(), connection.partial.data(), kept);
  const ssize_t got = recv(connection.fd, buffer_.data() + kept, buffer_.size() - kept, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) Fail(connection, got == 0 ? "the server closed" : std::strerror(errno));
    return;
  }
  now_ = NowMicros();
  current_ = &connection;
  const std::size_t size = kept + static_cast<std::size_t>(got);
  if (connection.http) return ReadAnswers(connection, {buffer_.data(), size});
  std::size_t at = 0;
  if (connection.state == Connection::State::kUpgrading && !FinishUpgrade(connection, {buffer_.data(), size}, at)) {
    return;
  }
  Frame frame;
  while (ParseFrame(buffer_.data() + at, size - at, frame)) {
    if (frame.opcode == Opcode::kText && frame.final) {
      protocol_.Parse(frame.Payload(), *this);
      if (connection.fd < 0) return;
    } else if (frame.opcode == Opcode::kPing) {
      AppendClientFrame(connection.out, frame.Payload(), mask_, Opcode::kPong);
      Flush(connection);
    } else if (frame.opcode != Opcode::kPong) {
      return Fail(connection, frame.opcode == Opcode::kClose ? "the server sent a close frame" : "not a text frame");
    }
    at += frame.frame_size;
  }
  connection.partial.assign(buffer_.data() + at, size - at);
}

// HTTP/1.1 (RFC 9112) with a Content-Length.
void Swarm::ReadAnswers(Connection& connection, std::string_view received) {
  while (true) {
    const std::size_t end = received.find("\r\n\r\n");
    if (end == std::string_view::npos) break;
    const std::string_view head = received.substr(0, end + 2);
    auto length = NumberAfter(head, "\r\nContent-Length: ");
    if (!length) length = NumberAfter(head, "\r\ncontent-length: ");
    if (!length) return Fail(connection, "an answer without a Content-Length");
    const std::size_t size = end + 4 + *length;
    if (received.size() < size) break;
    Event event;
    event.kind = Event::Kind::kAck;
    event.id = connection.answered_id++;
    event.ok = head.starts_with("HTTP/1.1 20");
    event.raw = received.substr(0, size);
    listener_.OnAck(connection, event);
    if (connection.fd < 0) return;
    received.remove_prefix(size);
  }
  connection.partial = received;
}

bool Swarm::FinishUpgrade(Connection& connection, std::string_view received, std::size_t& at) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    connection.partial = received;
    return false;
  }
  if (!received.starts_with("HTTP/1.1 101")) {
    Fail(connection, received);
    return false;
  }
  at = end + 4;
  connection.state = Connection::State::kOpening;
  if (!protocol_.opens()) OnEvent({.kind = Event::Kind::kOpened});
  return true;
}

void Swarm::OnEvent(const Event& event) {
  Connection& connection = *current_;
  switch (event.kind) {
    case Event::Kind::kDelivery:
    case Event::Kind::kLogEvent: return listener_.OnDelivery(connection, event);
    case Event::Kind::kAck:
      return connection.state == Connection::State::kJoining ? OnJoinAck(connection, event)
                                                             : listener_.OnAck(connection, event);
    case Event::Kind::kPing: return Post(connection, protocol_.pong());
    case Event::Kind::kOpened:
      connection.state = Connection::State::kConnecting;
      return Post(connection, protocol_.Connect(connection.token));
    case Event::Kind::kConnected: return SendJoins(connection);
    case Event::Kind::kRefused: return Fail(connection, event.raw);
    case Event::Kind::kOther: return;
  }
}

void Swarm::SendJoins(Connection& connection) {
  std::string().swap(connection.token);
  connection.joins_left = static_cast<std::uint32_t>(connection.streams.size());
  connection.state = Connection::State::kJoining;
  for (Stream& stream : connection.streams) {
    if (stream.after) stream.seq = SequenceCheck(*stream.after + 1);
    Post(connection, protocol_.Join(connection.next_id++, rooms_[stream.room], stream.after));
  }
  if (connection.joins_left > 0) return;
  connection.state = Connection::State::kJoined;
  --opening_;
}

void Swarm::OnJoinAck(Connection& connection, const Event& event) {
  const std::uint64_t index = event.id - kFirstJoinId;
  if (!event.ok || index >= connection.streams.size()) return Fail(connection, event.raw);
  Stream& stream = connection.streams[index];
  if (protocol_.numbers() && !stream.after) {
    const std::optional<std::uint64_t> head = NumberAfter(event.raw, "\"head\":");
    if (!head) return Fail(connection, "the join's ack names no head");
    stream.seq = SequenceCheck(*head + 1);
  }
  if (--connection.joins_left > 0) return;
  connection.state = Connection::State::kJoined;
  --opening_;
}

void Swarm::Flush(Connection& connection) {
  connection.dirty = false;
  if (connection.fd < 0) return;
  bool blocked = false;
  while (connection.sent < connection.out.size()) {
    const ssize_t sent = send(connection.fd, connection.out.data() + connection.sent,
                              connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) return Fail(connection, std::strerror(errno));
      blocked = true;
      break;
    }
    connection.sent += static_cast<std::size_t>(sent);
  }
  if (!blocked) {
    connection.out.clear();
    connection.sent = 0;
  }
  if (blocked == connection.awaits_writable) return;
  connection.awaits_writable = blocked;
  epoll_event event{.events = EPOLLIN | (blocked ? EPOLLOUT : 0u), .data = {.u32 = connection.index}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Swarm::FlushDirty() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) Flush(*dirty_[i]);
  dirty_.clear();
}

void Swarm::Close(Connection& connection) {
  if (connection.fd >= 0) close(connection.fd);
  if (connection.state != Connection::State::kIdle && connection.state < Connection::State::kJoined) --opening_;
  connection.fd = -1;
  connection.state = Connection::State::kClosed;
}

void Swarm::Fail(Connection& connection, std::string_view why) {
  if (failed_++ == 0) {
    const auto size = static_cast<int>(std::min<std::size_t>(why.size(), 400));
    std::fprintf(stderr, "bench_load: connection %u: %.*s\n", connection.index, size, why.data());
  }
  Close(connection);
}

}  // namespace tidings::bench
