// The limit server: what a chat server would cost that checks nothing. One thread, epoll, enough Engine.IO v4 and
// Socket.IO v5 over WebSocket for the load generator: open, CONNECT, room:join, message:send with ack, heartbeat.
// A broadcast frame is built once and shared; a socket's frames are gathered into one write per turn of the loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/websocket.hpp"
#include "limit/connection.hpp"
#include "limit/durable_log.hpp"

namespace tidings::bench {

// What the server does wrong on purpose: to one member, with ten messages out of every 50.
enum class Fault : std::uint8_t { kNone, kLose, kDouble, kReorder };

struct LimitOptions {
  std::uint16_t port = 0;
  std::string durable_path;  // empty: nothing is kept
  Fault fault = Fault::kNone;
};

class LimitServer {
 public:
  // Listens; ends the process with one line where it cannot.
  explicit LimitServer(const LimitOptions& options);

  // Serves for ever.
  [[noreturn]] void Run();

 private:
  struct Room {
    std::string id;
    std::uint32_t head = 0;
    std::vector<int> members;  // fds
  };

  void Accept();
  void Read(Connection& connection);
  void Close(Connection& connection);
  bool Upgrade(Connection& connection, std::string_view request);
  void HandleFrame(Connection& connection, const Frame& frame);
  void HandleEvent(Connection& connection, std::string_view packet);
  void Join(Connection& connection, std::string_view ack_id, std::string_view body);
  void Send(Connection& connection, std::string_view ack_id, std::string_view body);
  void ShowCommitted();
  void Broadcast(Room& room, std::uint32_t seq, std::string_view text);
  void BroadcastWithFault(Room& room, const SharedFrame& frame);
  void Acknowledge(Connection& connection, std::string_view ack_id, std::string_view body);
  void Queue(Connection& connection, SharedFrame frame);
  void QueuePacket(Connection& connection, std::string_view packet);
  void FlushDirty();
  void PingAll();
  void Watch(Connection& connection, bool writable);
  std::uint32_t RoomIndex(std::string_view id);

  Fault fault_;
  std::uint64_t messages_ = 0;
  std::uint64_t next_serial_ = 1;
  int epoll_ = -1;
  int listener_ = -1;
  std::unique_ptr<DurableLog> log_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by fd
  std::unordered_map<std::uint64_t, int> senders_;        // serial to fd, of connections that sent with --durable
  std::vector<Room> rooms_;
  std::unordered_map<std::string, std::uint32_t> room_index_;
  std::vector<int> dirty_;  // fds
  std::vector<char> buffer_;
  std::chrono::steady_clock::time_point last_ping_;
};

}  // namespace tidings::bench
