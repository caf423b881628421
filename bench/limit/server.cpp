#include "limit/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tidings::bench {
namespace {

constexpr std::chrono::seconds kPingInterval{25};
constexpr std::uint64_t kFaultEvery = 50;
constexpr std::uint64_t kFaultFor = 10;
constexpr std::size_t kBufferSize = 256 * 1024;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "bench_limit: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

}  // namespace

LimitServer::LimitServer(const LimitOptions& options)
    : fault_(options.fault),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      buffer_(kBufferSize),
      last_ping_(std::chrono::steady_clock::now()) {
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Fail("cannot bind");
  if (listen(listener_, 4096) != 0) Fail("cannot listen");
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener_}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  if (!options.durable_path.empty()) {
    log_ = std::make_unique<DurableLog>(options.durable_path);
    event.data.fd = log_->ready_fd();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, log_->ready_fd(), &event);
  }
}

void LimitServer::Run() {
  std::array<epoll_event, 512> events;
  while (true) {
    const int count = epoll_wait(epoll_, events.data(), events.size(), 1000);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener_) {
        Accept();
      } else if (log_ && fd == log_->ready_fd()) {
        ShowCommitted();
      } else if (Connection* connection = connections_[fd].get()) {
        if ((events[i].events & EPOLLOUT) != 0 && !connection->dirty) {
          connection->dirty = true;
          dirty_.push_back(fd);
        }
        if ((events[i].events & ~EPOLLOUT) != 0) Read(*connection);
      }
    }
    FlushDirty();
    if (std::chrono::steady_clock::now() - last_ping_ >= kPingInterval) PingAll();
  }
}

void LimitServer::Accept() {
  int fd;
  while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() <= static_cast<std::size_t>(fd)) connections_.resize(fd + 1);
    connections_[fd] = std::make_unique<Connection>();
    connections_[fd]->fd = fd;
    connections_[fd]->serial = next_serial_++;
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
}

void LimitServer::Read(Connection& connection) {
  const std::size_t kept = connection.partial.size();
  if (kept + 65536 > buffer_.size()) return Close(connection);
  std::memcpy(buffer_.data(), connection.partial.data(), kept);
  const ssize_t got = recv(connection.fd, buffer_.data() + kept, buffer_.size() - kept, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) Close(connection);
    return;
  }
  const std::size_t size = kept + static_cast<std::size_t>(got);
  std::size_t at = 0;
  if (!connection.upgraded) {
    const std::string_view request(buffer_.data(), size);
    const std::size_t end = request.find("\r\n\r\n");
    if (end != std::string_view::npos) {
      at = end + 4;
      if (!Upgrade(connection, request.substr(0, at))) return Close(connection);
    }
  }
  Frame frame;
  while (connection.upgraded && ParseFrame(buffer_.data() + at, size - at, frame)) {
    if (frame.opcode == Opcode::kClose) return Close(connection);
    HandleFrame(connection, frame);
    at += frame.frame_size;
  }
  if (at < size) {
    connection.partial.assign(buffer_.data() + at, size - at);
  } else if (kept > 0) {
    std::string().swap(connection.partial);
  }
}

void LimitServer::Close(Connection& connection) {
  const int fd = connection.fd;
  for (const std::uint32_t room : connection.rooms) std::erase(rooms_[room].members, fd);
  senders_.erase(connection.serial);
  std::erase(dirty_, fd);
  close(fd);
  connections_[fd].reset();
}

bool LimitServer::Upgrade(Connection& connection, std::string_view request) {
  if (request.starts_with("GET /readyz ")) {
    constexpr std::string_view kReady = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    send(connection.fd, kReady.data(), kReady.size(), MSG_NOSIGNAL);
    return false;
  }
  constexpr std::string_view kKeyHeader = "Sec-WebSocket-Key: ";
  const std::size_t key = request.find(kKeyHeader);
  if (!request.starts_with("GET /socket.io/?") || key == std::string_view::npos) return false;
  const std::size_t begin = key + kKeyHeader.size();
  std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  answer += "Sec-WebSocket-Accept: " + AcceptKey(request.substr(begin, request.find("\r\n", begin) - begin));
  answer += "\r\n\r\n";
  const std::string serial = std::to_string(connection.serial);
  AppendServerFrame(answer, "0{\"sid\":\"" + serial +
                                "\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
                                "\"maxPayload\":1000000}");
  connection.upgraded = true;
  Queue(connection, SharedFrame(std::move(answer)));
  return true;
}

void LimitServer::HandleFrame(Connection& connection, const Frame& frame) {
  const std::string_view packet = frame.Payload();
  if (packet.starts_with("42")) {
    HandleEvent(connection, packet.substr(2));
  } else if (packet.starts_with("40")) {
    QueuePacket(connection, "40{\"sid\":\"s" + std::to_string(connection.serial) + "\"}");
  }
}

void LimitServer::HandleEvent(Connection& connection, std::string_view packet) {
  const std::size_t bracket = packet.find('[');
  if (bracket == std::string_view::npos) return;
  const std::string_view ack_id = packet.substr(0, bracket);
  const std::string_view body = packet.substr(bracket);
  if (body.starts_with("[\"message:send\"")) {
    Send(connection, ack_id, body);
  } else if (body.starts_with("[\"room:join\"")) {
    Join(connection, ack_id, body);
  }
}

void LimitServer::Join(Connection& connection, std::string_view ack_id, std::string_view body) {
  const std::uint32_t index = RoomIndex(JsonText(body, "roomId"));
  Room& room = rooms_[index];
  if (std::ranges::find(connection.rooms, index) == connection.rooms.end()) {
    connection.rooms.push_back(index);
    room.members.push_back(connection.fd);
  }
  Acknowledge(connection, ack_id,
              "{\"status\":\"success\",\"data\":{\"room\":null,\"head\":" + std::to_string(room.head) + "}}");
}

void LimitServer::Send(Connection& connection, std::string_view ack_id, std::string_view body) {
  const std::uint32_t index = RoomIndex(JsonText(body, "roomId"));
  Room& room = rooms_[index];
  const std::uint32_t seq = ++room.head;
  const std::string_view text = JsonText(body, "text");
  if (log_) {
    senders_.try_emplace(connection.serial, connection.fd);
    log_->Append({.room = index,
                  .seq = seq,
                  .sender = connection.serial,
                  .ack_id = std::string(ack_id),
                  .room_id = room.id,
                  .text = std::string(text)});
    return;
  }
  Broadcast(room, seq, text);
  Acknowledge(connection, ack_id, "{\"status\":\"success\",\"data\":{\"seq\":" + std::to_string(seq) + "}}");
}

void LimitServer::ShowCommitted() {
  for (const StoredMessage& message : log_->TakeCommitted()) {
    Broadcast(rooms_[message.room], message.seq, message.text);
    const auto sender = senders_.find(message.sender);
    if (sender == senders_.end()) continue;
    Acknowledge(*connections_[sender->second], message.ack_id,
                "{\"status\":\"success\",\"data\":{\"seq\":" + std::to_string(message.seq) + "}}");
  }
}

void LimitServer::Broadcast(Room& room, std::uint32_t seq, std::string_view text) {
  std::string packet = "42[\"NEW_MESSAGE\",{\"senderId\":\"u0\",\"roomId\":\"" + room.id + "\",\"text\":\"";
  packet.append(text).append("\",\"data\":{\"seq\":").append(std::to_string(seq));
  packet.append(",\"room\":\"").append(room.id).append("\"}}]");
  std::string bytes;
  AppendServerFrame(bytes, packet);
  const SharedFrame frame(std::move(bytes));
  ++messages_;
  if (fault_ != Fault::kNone) return BroadcastWithFault(room, frame);
  for (const int fd : room.members) Queue(*connections_[fd], frame);
}

void LimitServer::BroadcastWithFault(Room& room, const SharedFrame& frame) {
  const std::size_t victim = room.members.empty() ? 0 : (messages_ / kFaultEvery) % room.members.size();
  const bool due = messages_ % kFaultEvery < kFaultFor;
  for (std::size_t i = 0; i < room.members.size(); ++i) {
    Connection& member = *connections_[room.members[i]];
    const bool hit = due && i == victim;
    if (hit && fault_ == Fault::kLose) continue;
    Queue(member, frame);
    if (hit && fault_ == Fault::kDouble) Queue(member, frame);
    // Swapped with the message before it, where that one still waits in the same turn.
    if (hit && fault_ == Fault::kReorder && member.sent_of_first == 0) {
      auto& pending = member.pending;
      const auto is_message = [](const SharedFrame& one) { return one.bytes().find("NEW_MESSAGE") < 16; };
      const auto earlier = std::find_if(pending.rbegin() + 1, pending.rend(), is_message);
      if (earlier != pending.rend()) std::swap(*earlier, pending.back());
    }
  }
}

void LimitServer::Acknowledge(Connection& connection, std::string_view ack_id, std::string_view body) {
  if (ack_id.empty()) return;
  std::string packet = "43";
  packet.append(ack_id).append("[").append(body).append("]");
  QueuePacket(connection, packet);
}

void LimitServer::Queue(Connection& connection, SharedFrame frame) {
  connection.pending.push_back(std::move(frame));
  if (connection.dirty || connection.awaits_writable) return;
  connection.dirty = true;
  dirty_.push_back(connection.fd);
}

void LimitServer::QueuePacket(Connection& connection, std::string_view packet) {
  std::string bytes;
  AppendServerFrame(bytes, packet);
  Queue(connection, SharedFrame(std::move(bytes)));
}

void LimitServer::FlushDirty() {
  std::vector<int> broken;
  for (const int fd : dirty_) {
    Connection& connection = *connections_[fd];
    connection.dirty = false;
    const Flushed outcome = Flush(connection);
    if (outcome == Flushed::kBroken) {
      broken.push_back(fd);
    } else if (connection.awaits_writable != (outcome == Flushed::kBlocked)) {
      Watch(connection, outcome == Flushed::kBlocked);
    }
  }
  dirty_.clear();
  for (const int fd : broken) Close(*connections_[fd]);
}

void LimitServer::PingAll() {
  last_ping_ = std::chrono::steady_clock::now();
  std::string bytes;
  AppendServerFrame(bytes, "2");
  const SharedFrame ping(std::move(bytes));
  for (const auto& connection : connections_) {
    if (connection && connection->upgraded) Queue(*connection, ping);
  }
  FlushDirty();
}

void LimitServer::Watch(Connection& connection, bool writable) {
  connection.awaits_writable = writable;
  epoll_event event{.events = EPOLLIN | (writable ? EPOLLOUT : 0u), .data = {.fd = connection.fd}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

std::uint32_t LimitServer::RoomIndex(std::string_view id) {
  const auto [found, added] = room_index_.try_emplace(std::string(id), static_cast<std::uint32_t>(rooms_.size()));
  if (added) rooms_.push_back({.id = std::string(id), .head = 0, .members = {}});
  return found->second;
}

}  // namespace tidings::bench
