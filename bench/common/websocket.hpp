// WebSocket framing (RFC 6455) for programs that trust their peer: whole text frames, no fragments, no extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::bench {

enum class Opcode : std::uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct Frame {
  Opcode opcode = Opcode::kText;
  bool final = true;
  char* payload = nullptr;     // into the buffer that was parsed; unmasked in place
  std::size_t payload_size = 0;
  std::size_t frame_size = 0;  // header and payload

  std::string_view Payload() const { return {payload, payload_size}; }
};

// Reads the frame that starts at `data` and unmasks it in place. False where it is not all there yet; then nothing was
// changed and `frame.frame_size` is the size to wait for, or 0 where not even the header is there.
bool ParseFrame(char* data, std::size_t size, Frame& frame);

// Appends an unmasked frame, as a server sends it.
void AppendServerFrame(std::string& out, std::string_view payload, Opcode opcode = Opcode::kText);

// Appends a frame masked with `mask`, as a client must (RFC 6455 §5.3).
void AppendClientFrame(std::string& out, std::string_view payload, std::uint32_t mask, Opcode opcode = Opcode::kText);

// The Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string AcceptKey(std::string_view key);

}  // namespace tidings::bench
