// RecoveryLog: what in-memory connection state recovery remembers of a namespace. Private to the layer.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tidings/realtime/socket_server.hpp>

namespace tidings::realtime {

// Recent packets with whom they were for, and the sessions of sockets that went away. As in Socket.IO's own server, a
// client comes back with {pid, offset}, and each event ends with its offset.
class RecoveryLog {
 public:
  RecoveryLog(const RecoveryOptions& options, const Clock& clock);

  struct Restored {
    std::string id;
    std::string pid;
    std::vector<std::string> rooms;
    std::unique_ptr<SessionData> data;
    std::vector<EncodedPacket> missed;
  };

  static std::string NewPid();
  // Encodes an event with its offset, and keeps it.
  EncodedPacket Keep(std::string_view nsp, const BroadcastTarget& target, std::string_view event,
                     const Arguments& arguments);
  // Whether Restore would find something.
  bool Knows(const json::object& auth);
  // Takes the session out that this handshake payload asks for, if all that it missed is still there.
  std::optional<Restored> Restore(const json::object& auth);
  // The socket whose session this handshake payload asks for, if it is not known yet that it is gone.
  Socket* StillThere(const json::object& auth) const;
  // A socket's session begins, and ends or waits.
  void Begin(Socket& socket, std::string_view pid);
  void End(Socket& socket, CloseReason reason);

 private:
  struct Packet {
    BroadcastTarget target;
    EncodedPacket encoded;
    Millis expires;
  };
  struct Session {
    std::string id;
    std::vector<std::string> rooms;
    std::unique_ptr<SessionData> data;
    std::uint64_t begun;
    Millis expires;
  };
  struct Live {
    std::string pid;
    std::uint64_t begun;
  };

  void Expire();
  std::uint64_t next() const { return first_ + packets_.size(); }
  // The session and the number of the first packet that it has not seen.
  std::optional<std::uint64_t> Place(const Session& session, const json::object& auth) const;

  const RecoveryOptions& options_;
  const Clock& clock_;
  std::string instance_;     // offsets of another run are not ours
  std::deque<Packet> packets_;
  std::uint64_t first_ = 0;  // number of packets_[0]
  std::unordered_map<std::string, Session> sessions_;
  std::unordered_map<const Socket*, Live> live_;
  std::unordered_map<std::string, Socket*> live_by_pid_;
};

}  // namespace tidings::realtime
