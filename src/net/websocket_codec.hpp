// WebSocket frames of a server (RFC 6455 §5): bytes in, messages out, no I/O. Total: any input has a defined result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tidings::net {

enum class Opcode : std::uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

// Close codes that the listener itself sends (RFC 6455 §7.4.1).
enum CloseCode : std::uint16_t {
  kCloseNormal = 1000,
  kCloseGoingAway = 1001,
  kCloseProtocolError = 1002,
  kCloseNoCode = 1005,  // stands for a close frame without a code; never sent
  kCloseBadText = 1007,
  kClosePolicy = 1008,
  kCloseTooLarge = 1009,
};

struct WebSocketEvent {
  enum class Kind : std::uint8_t { kNothing, kText, kBinary, kPing, kPong, kClose, kFailed };
  Kind kind = Kind::kNothing;
  std::uint16_t code = 0;  // of kClose and kFailed
  std::string_view data;   // the message, the ping's or pong's bytes, the close reason, or what is wrong
};

struct WebSocketLimits {
  std::size_t max_message = 1'000'000;  // bytes of a message, inflated where it is compressed
  std::uint32_t max_fragments = 4096;   // frames of a message
  bool deflate = false;                 // permessage-deflate was agreed on, without context takeover
};

// Reads the frames of a client. Holds no memory between messages, one buffer within one, and never allocates by an
// announced length. Any division of the same bytes into calls gives the same events.
class WebSocketDecoder {
 public:
  explicit WebSocketDecoder(WebSocketLimits limits);
  ~WebSocketDecoder();

  // Takes bytes from the front of `input`, which it may change (unmasking in place), until there is something to tell
  // or none are left (kNothing). The event's data is valid until the next call and as long as `input`'s bytes are.
  // After kClose and kFailed all further input is taken and ignored.
  WebSocketEvent Next(std::span<char>& input);

  // Bytes kept of what is not whole yet.
  std::size_t held() const;

 private:
  struct Header;
  struct Partial;
  using Event = WebSocketEvent;

  // False where `input` ends within the header.
  bool ReadHeader(std::span<char>& input, Header& header, Event& failure);
  const char* CheckHeader(const Header& header, std::uint16_t& code) const;
  Event WholeFrame(const Header& header, std::span<char> payload);
  Event TakePayload(std::span<char>& input);
  Event EndFrame();
  Event EndMessage();
  Event Control(Opcode opcode, std::string_view payload);
  Event Fail(std::uint16_t code, std::string_view what);
  Partial& NeedPartial();
  bool MessageOpen() const;

  WebSocketLimits limits_;
  bool ended_ = false;
  std::unique_ptr<Partial> partial_;  // only while a frame or a message is incomplete
};

// XORs `data` with the key's bytes, beginning with byte `offset % 4` of the key.
void Unmask(std::span<char> data, std::uint32_t key, std::size_t offset);

// Appends the header of an unmasked, unfragmented frame; `compressed` sets RSV1.
void AppendFrameHeader(std::string& out, Opcode opcode, std::size_t size, bool compressed = false);
// A whole control frame. REQUIRES: payload of at most 125 bytes.
std::string ControlFrame(Opcode opcode, std::string_view payload);
// A close frame; a reason that is too long is cut at a character's border. kCloseNoCode: an empty one.
std::string CloseFrame(std::uint16_t code, std::string_view reason);

}  // namespace tidings::net
