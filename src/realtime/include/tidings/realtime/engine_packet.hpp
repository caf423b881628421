// Engine.IO v4 packets and payloads, as bytes: https://socket.io/docs/v4/engine-io-protocol/
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/bytes.hpp>
#include <tidings/base/error.hpp>
#include <tidings/realtime/frame.hpp>

namespace tidings::realtime {

enum class EngineType : char {
  kOpen = '0',
  kClose = '1',
  kPing = '2',
  kPong = '3',
  kMessage = '4',
  kUpgrade = '5',
  kNoop = '6',
};

inline constexpr char kPayloadSeparator = '\x1e';

// A decoded packet. `data` points into what was decoded, or for binary out of base64 into `bytes`.
struct EnginePacket {
  EngineType type = EngineType::kNoop;
  bool binary = false;
  std::string_view data;
};

// One text packet: a type digit and its data. Nothing if it does not begin with a digit from 0 to 6.
std::optional<EnginePacket> DecodeEnginePacket(std::string_view text);

// The packets of a polling body, one by one:
//   PayloadReader reader(body);
//   while (auto packet = reader.Next()) …
//   if (reader.failed()) …
class PayloadReader {
 public:
  // REQUIRES: `body` outlives the reader.
  explicit PayloadReader(std::string_view body) : rest_(body) {}
  // The next packet, valid until the next call; nothing at the end or at the first bad one. `b` and base64 (with or
  // without line ends) is a binary message.
  std::optional<EnginePacket> Next();
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  Bytes bytes_;
  bool begun_ = false;
  bool failed_ = false;
};

// Bytes that this frame takes in a polling payload, without a separator.
std::size_t PayloadSize(const Frame& frame);
// Appends the frame to a polling payload, with a separator if it is not the first.
void AppendToPayload(std::string& payload, const Frame& frame);

}  // namespace tidings::realtime
