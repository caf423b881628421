// Socket.IO v5 packets, as bytes: https://socket.io/docs/v4/socket-io-protocol/
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/realtime/arguments.hpp>
#include <tidings/realtime/frame.hpp>

namespace tidings::realtime {

enum class SocketType : std::uint8_t {
  kConnect = 0,
  kDisconnect = 1,
  kEvent = 2,
  kAck = 3,
  kConnectError = 4,
  kBinaryEvent = 5,
  kBinaryAck = 6,
};

// A packet from a client, whole: kBinaryEvent and kBinaryAck come out as kEvent and kAck once their attachments are
// there.
struct SocketPacket {
  SocketType type = SocketType::kEvent;
  std::string nsp = "/";
  std::optional<std::uint64_t> id;  // of an acknowledgement; past 2^53 - 1 for one that nobody can have asked for
  json::object auth;                // kConnect
  std::string event;                // kEvent
  Args args;                        // kEvent, kAck
};

struct DecodeLimits {
  std::size_t max_attachments = 10;
  std::size_t max_attachment_bytes = 1'000'000;  // sum
  std::size_t max_namespace = 128;               // bytes of a name
};

// Names that mean something to the library itself and may not be events: connect, connect_error, disconnect,
// disconnecting, newListener, removeListener.
bool IsReservedEvent(std::string_view name);

// Puts the packets of one connection together. Total: any bytes give a packet, a wish for more, or an error, after
// which the connection has to be closed.
class SocketDecoder {
 public:
  // REQUIRES: limits outlive the decoder.
  explicit SocketDecoder(const DecodeLimits& limits);
  ~SocketDecoder();

  // One text message without the Engine.IO digit, well-formed UTF-8 or not. Nothing: attachments are missing.
  // kMalformed: no packet that a client may send.
  Result<std::optional<SocketPacket>> Text(std::string_view text);
  // One binary message.
  Result<std::optional<SocketPacket>> Attachment(std::string_view bytes);
  // Whether attachments are missing.
  bool incomplete() const { return partial_ != nullptr; }

 private:
  struct Partial;
  const DecodeLimits& limits_;
  std::unique_ptr<Partial> partial_;
};

// A packet for clients, encoded once and shared by reference: the text, and its attachments.
struct EncodedPacket {
  FrameRef head;
  std::vector<FrameRef> attachments;

  std::size_t size() const;
};

// An event; `id` asks for an acknowledgement. REQUIRES: well-formed UTF-8.
EncodedPacket EncodeEvent(std::string_view nsp, std::string_view event, const Arguments& arguments,
                          std::optional<std::uint64_t> id = std::nullopt);
// The same without attachments, the arguments as JSON text with commas between: EncodeEvent("/", "a", R"({"b":1},2)").
FrameRef EncodeEventText(std::string_view nsp, std::string_view event, std::string_view arguments);
EncodedPacket EncodeAck(std::string_view nsp, std::uint64_t id, const Arguments& arguments);
// The answer to a CONNECT; an empty pid is left out.
FrameRef EncodeConnect(std::string_view nsp, std::string_view sid, std::string_view pid);
// `data` is a JSON text, or empty.
FrameRef EncodeConnectError(std::string_view nsp, std::string_view message, std::string_view data);
FrameRef EncodeDisconnect(std::string_view nsp);

}  // namespace tidings::realtime
