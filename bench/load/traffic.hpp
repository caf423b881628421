// Sends messages through a swarm, either each sender with a window of unacknowledged ones or at a fixed rate, and
// checks that every connection of a room gets each of its messages once and in order.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "load/histogram.hpp"
#include "load/options.hpp"
#include "load/report.hpp"
#include "load/swarm.hpp"

namespace tidings::bench {

// What one stretch of traffic took, from the first send to the last arrival.
struct Stretch {
  double seconds = 0;
  std::uint64_t server_cpu = 0;  // microseconds
  std::uint64_t load_cpu = 0;
  std::uint64_t sends = 0;       // acknowledged
  std::uint64_t deliveries = 0;
};

class Traffic final : private SwarmListener {
 public:
  Traffic(const Options& options, Protocol& protocol);

  Swarm& swarm() { return swarm_; }
  std::uint32_t AddRoom(std::string id);

  // A connection that joins these rooms.
  Connection& AddMember(std::string token, const std::vector<std::uint32_t>& rooms);

  // Lets the connection send to these rooms in turn. A room has one sender, so that its counter is in order; more only
  // where nobody has joined it.
  void AddSender(Connection& connection, std::vector<std::uint32_t> rooms);

  // A kept HTTP connection that sends to these rooms by createMessage, to each as its author.
  // REQUIRES: CallersOnly was called, if there are senders over sockets.
  void AddCaller(std::vector<std::uint32_t> rooms);
  // Those who send over their sockets send no more.
  void CallersOnly() { senders_.clear(); }
  void SetAuthor(std::uint32_t room, std::string token) { rooms_[room].author = std::move(token); }

  // Every member answers each message that it gets with room:read.
  void ReadEverything() { reads_ = true; }

  // Each sends until the time is up, or `limit` messages were sent in all, and waits for what is under way.
  Stretch SendWindows(std::uint32_t window, double seconds, std::uint64_t limit = UINT64_MAX);
  Stretch SendPaced(double rate, double seconds);

  // Joins all connections; false where that fails.
  bool Join();

  // Counts what is missing and adds it and all other findings to the report. Call once, at the end.
  void Conclude(Report& report);

  const Histogram& ack_latency() const { return ack_latency_; }
  const Histogram& delivery_latency() const { return delivery_latency_; }
  std::uint64_t last_seq() const { return last_seq_; }

 private:
  struct Room {
    std::uint32_t members = 0;
    std::uint64_t sent = 0;
    std::string author;  // the token of who sends over HTTP
  };
  struct Sender {
    Connection* connection;
    std::vector<std::uint32_t> rooms;
    std::size_t turn = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> outstanding;  // id, when
  };

  void OnDelivery(Connection& connection, const Event& event) override;
  void OnAck(Connection& connection, const Event& event) override;
  bool Names(const Event& event, const Stream& stream) const;
  void SendNext(Sender& sender, std::uint64_t at);
  std::string CreateRequest(std::uint32_t room, const std::string& text, const std::string& client_message_id) const;
  bool Drained() const { return outstanding_ == 0 && order_.distinct >= expected_; }
  void Drain();
  Stretch Begin();
  void End(Stretch& stretch);

  const Options& options_;
  Protocol& protocol_;
  Swarm swarm_;
  std::vector<Room> rooms_;
  std::deque<Sender> senders_;
  Tally order_;
  Tally seq_;
  Histogram ack_latency_;
  Histogram delivery_latency_;
  std::string run_id_;
  std::uint64_t send_limit_ = 0;  // messages that may still be sent by acks
  std::uint64_t outstanding_ = 0;
  std::uint64_t expected_ = 0;    // deliveries of all that was sent
  std::uint64_t deliveries_ = 0;
  std::uint64_t acked_ = 0;
  std::uint64_t refused_ = 0;  // sends answered with an error
  std::uint64_t last_arrival_ = 0;
  std::uint64_t last_seq_ = 0;
  bool reads_ = false;
};

}  // namespace tidings::bench
