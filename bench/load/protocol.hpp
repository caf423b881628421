// What a server speaks over its WebSocket: how to ask for things, and what a frame says. Knows no sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "load/marker.hpp"

namespace tidings::bench {

struct Event {
  enum class Kind : std::uint8_t {
    kOpened,     // the engine's handshake; Connect may be sent
    kConnected,  // the token was taken
    kRefused,    // it was not, or the server ended the session
    kPing,       // answer with Pong
    kAck,        // of the command `id`
    kDelivery,   // a message
    kLogEvent,   // another event with a number in its room's log
    kOther,
  };
  Kind kind = Kind::kOther;
  bool ok = true;                         // kAck: not an error
  bool marked = false;                    // kDelivery: `marker` is set
  std::uint64_t id = 0;                   // kAck
  std::optional<std::uint64_t> seq = {};  // kDelivery and kLogEvent, of servers that number
  Marker marker = {};                     // kDelivery
  std::string_view raw = {};              // the packet, valid during the call
};

class EventSink {
 public:
  virtual void OnEvent(const Event& event) = 0;

 protected:
  ~EventSink() = default;
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // The path of the WebSocket's upgrade request.
  virtual std::string_view path() const = 0;
  // The server speaks first (kOpened); otherwise Connect is sent right after the upgrade.
  virtual bool opens() const = 0;
  // Deliveries bear a number that is dense in their room, and a join's ack says where it stands.
  virtual bool numbers() const = 0;

  // The payload of one frame each. `id` is 2 or more and comes back in the ack.
  virtual std::string Connect(std::string_view token) const = 0;
  virtual std::string Join(std::uint64_t id, std::string_view room, std::optional<std::uint64_t> after) const = 0;
  virtual std::string Send(std::uint64_t id, std::string_view room, std::string_view text,
                           std::string_view client_message_id) const = 0;
  virtual std::string Read(std::string_view room, std::uint64_t seq) const = 0;
  virtual std::string_view pong() const = 0;

  // Tells the sink each event of a frame's payload, in order.
  virtual void Parse(std::string_view payload, EventSink& sink) = 0;
};

// tidings, limit, socketio or centrifugo; null for another name.
std::unique_ptr<Protocol> MakeProtocol(std::string_view name);

}  // namespace tidings::bench
