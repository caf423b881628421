// A WebSocket client's frames, right and wrong, as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "websocket_codec.hpp"

namespace tidings::net {

struct FrameSpec {
  int opcode = 1;
  bool final = true;
  int rsv = 0;  // three bits, RSV1 highest
  bool masked = true;
  std::uint32_t key = 0x04030201;
};

// The header announces `length` bytes.
inline std::string ClientHeader(const FrameSpec& spec, std::uint64_t length) {
  std::string out;
  out += static_cast<char>((spec.final ? 0x80 : 0) | spec.rsv << 4 | spec.opcode);
  const int mask = spec.masked ? 0x80 : 0;
  int bytes = 0;
  if (length <= 125) {
    out += static_cast<char>(mask | static_cast<int>(length));
  } else if (length <= 0xffff) {
    out += static_cast<char>(mask | 126);
    bytes = 2;
  } else {
    out += static_cast<char>(mask | 127);
    bytes = 8;
  }
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(length >> (8 * i));
  if (spec.masked) out.append(reinterpret_cast<const char*>(&spec.key), 4);
  return out;
}

inline std::string ClientFrame(std::string_view payload, const FrameSpec& spec = {}) {
  std::string masked(payload);
  if (spec.masked) {
    const auto* key = reinterpret_cast<const unsigned char*>(&spec.key);
    for (std::size_t i = 0; i < masked.size(); ++i) masked[i] = static_cast<char>(masked[i] ^ key[i % 4]);
  }
  return ClientHeader(spec, payload.size()) + masked;
}

inline std::string CloseBody(int code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 255)}.append(reason);
}

}  // namespace tidings::net
