#include "common/websocket.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>

namespace tidings::bench {
namespace {

void ApplyMask(char* data, std::size_t size, std::uint32_t mask) {
  const std::uint64_t wide = (static_cast<std::uint64_t>(mask) << 32) | mask;
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, data + at, 8);
    word ^= wide;
    std::memcpy(data + at, &word, 8);
  }
  std::array<char, 4> bytes;
  std::memcpy(bytes.data(), &mask, 4);
  for (; at < size; ++at) data[at] ^= bytes[at % 4];
}

void AppendHeader(std::string& out, std::size_t size, Opcode opcode, bool masked) {
  const char mask_bit = masked ? '\x80' : '\0';
  out.push_back(static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode)));
  int length_bytes = 0;
  if (size < 126) {
    out.push_back(static_cast<char>(mask_bit | static_cast<char>(size)));
  } else if (size < 65536) {
    out.push_back(static_cast<char>(mask_bit | 126));
    length_bytes = 2;
  } else {
    out.push_back(static_cast<char>(mask_bit | 127));
    length_bytes = 8;
  }
  for (int i = length_bytes - 1; i >= 0; --i) out.push_back(static_cast<char>((size >> (8 * i)) & 0xff));
}

}  // namespace

bool ParseFrame(char* data, std::size_t size, Frame& frame) {
  frame.frame_size = 0;
  if (size < 2) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data);
  const bool masked = (bytes[1] & 0x80) != 0;
  std::uint64_t length = bytes[1] & 0x7f;
  std::size_t header = 2;
  const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (size < header + length_bytes + (masked ? 4 : 0)) return false;
  if (length_bytes != 0) {
    length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length = (length << 8) | bytes[header + i];
    header += length_bytes;
  }
  std::uint32_t mask = 0;
  if (masked) {
    std::memcpy(&mask, data + header, 4);
    header += 4;
  }
  frame.frame_size = header + length;
  if (size < frame.frame_size) return false;
  frame.final = (bytes[0] & 0x80) != 0;
  frame.opcode = static_cast<Opcode>(bytes[0] & 0x0f);
  frame.payload = data + header;
  frame.payload_size = length;
  if (masked) ApplyMask(frame.payload, frame.payload_size, mask);
  return true;
}

void AppendServerFrame(std::string& out, std::string_view payload, Opcode opcode) {
  AppendHeader(out, payload.size(), opcode, false);
  out.append(payload);
}

void AppendClientFrame(std::string& out, std::string_view payload, std::uint32_t mask, Opcode opcode) {
  AppendHeader(out, payload.size(), opcode, true);
  out.append(reinterpret_cast<const char*>(&mask), 4);
  const std::size_t at = out.size();
  out.append(payload);
  ApplyMask(out.data() + at, payload.size(), mask);
}

std::string AcceptKey(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> encoded;
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(size)};
}

}  // namespace tidings::bench
