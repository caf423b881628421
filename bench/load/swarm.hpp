// Many WebSocket connections on one thread: opens them, joins their rooms, reads and writes them with epoll. What comes
// in is told to a listener; what is posted while a socket is handled goes out in one write. Kept HTTP connections run beside
// them, whose answers are told as acknowledgements.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/protocol.hpp"
#include "load/sequence_check.hpp"

namespace tidings::bench {

// A room that a connection is in, and what it has got of it.
struct Stream {
  std::uint32_t room = 0;                   // index
  std::optional<std::uint64_t> after = {};  // replay what follows this number
  SequenceCheck seq{};                      // the log's numbers, where the server has them
  SequenceCheck order{};                    // the markers' counters
};

struct Connection {
  enum class State : std::uint8_t { kIdle, kUpgrading, kOpening, kConnecting, kJoining, kJoined, kClosed };
  int fd = -1;
  State state = State::kIdle;
  bool http = false;  // what is posted are requests, answered in order
  bool dirty = false;
  bool awaits_writable = false;
  std::uint32_t index = 0;
  std::uint32_t sender = 0;  // the listener's
  std::uint32_t joins_left = 0;
  std::uint64_t next_id = 2;
  std::uint64_t answered_id = 2;  // http: of the next answer
  std::size_t sent = 0;
  std::string token;
  std::string out;
  std::string partial;
  std::vector<Stream> streams;
};

class SwarmListener {
 public:
  virtual void OnDelivery(Connection& connection, const Event& event) = 0;
  virtual void OnAck(Connection& connection, const Event& event) = 0;

 protected:
  ~SwarmListener() = default;
};

class Swarm final : private EventSink {
 public:
  // The protocol and the listener are borrowed.
  Swarm(Protocol& protocol, std::uint16_t port, SwarmListener& listener);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  std::uint32_t AddRoom(std::string id);
  Connection& Add(std::string token, std::vector<Stream> streams);
  // A kept HTTP connection.
  Connection& AddHttp();

  // Connects and joins all that were added, `concurrency` at a time. False after 60 s or where one was refused.
  bool JoinAll(std::uint32_t concurrency);

  // Runs until `done` or the time (NowMicros), whichever is first; returns the last done().
  bool RunUntil(const std::function<bool()>& done, std::uint64_t deadline);

  void Post(Connection& connection, std::string_view payload);

  const std::string& room(std::uint32_t index) const { return rooms_[index]; }
  std::vector<std::unique_ptr<Connection>>& connections() { return connections_; }
  std::uint64_t now() const { return now_; }        // when the socket that is being handled was read
  std::uint64_t failed() const { return failed_; }  // connections refused or broken

 private:
  void Open(Connection& connection);
  void Turn(std::uint64_t micros);
  void Receive(Connection& connection);
  void ReadAnswers(Connection& connection, std::string_view received);
  bool FinishUpgrade(Connection& connection, std::string_view received, std::size_t& at);
  void OnEvent(const Event& event) override;
  void OnJoinAck(Connection& connection, const Event& event);
  void SendJoins(Connection& connection);
  void Flush(Connection& connection);
  void FlushDirty();
  void Close(Connection& connection);
  void Fail(Connection& connection, std::string_view why);

  Protocol& protocol_;
  std::uint16_t port_;
  SwarmListener& listener_;
  int epoll_ = -1;
  std::vector<std::string> rooms_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_;
  std::vector<char> buffer_;
  std::array<epoll_event, 256> events_;
  Connection* current_ = nullptr;
  std::uint64_t now_ = 0;
  std::uint64_t failed_ = 0;
  std::uint32_t opening_ = 0;
  std::uint32_t next_to_open_ = 0;
  std::uint32_t mask_ = 0x9e3779b9;
};

}  // namespace tidings::bench
