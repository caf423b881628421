// Frames (AMQP 0-9-1 §4.2.3), the content headers and bodies in them, and what is put together from them again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire.hpp"

namespace tidings::messaging::rabbitmq {

enum class FrameType : std::uint8_t { kMethod = 1, kHeader = 2, kBody = 3, kHeartbeat = 8 };

inline constexpr std::string_view kProtocolHeader("AMQP\x00\x00\x09\x01", 8);
inline constexpr std::uint8_t kFrameEnd = 0xce;
// A frame's type, channel, length and end.
inline constexpr std::size_t kFrameOverhead = 8;
// §4.2.3: every peer takes frames of this size, and no larger one before both agreed on more.
inline constexpr std::uint32_t kLeastFrameMax = 4096;
inline constexpr std::uint32_t kMostFrameMax = 128 * 1024;

class Frame {
 public:
  FrameType type = FrameType::kHeartbeat;
  std::uint16_t channel = 0;
  std::string_view payload;
};

enum class FrameStep { kMore, kFrame, kBroken };

// Takes the frame at the head of `bytes`. kMore: it is not there as a whole. kBroken: these bytes are no AMQP, or the frame
// is larger than `frame_max`, overhead included.
FrameStep TakeFrame(std::string_view& bytes, std::size_t frame_max, Frame& frame);

void AppendHeartbeat(std::string& out);
// A frame written in place: what is appended between BeginFrame and EndFrame is its payload.
std::size_t BeginFrame(std::string& out, FrameType type, std::uint16_t channel);
void EndFrame(std::string& out, std::size_t begin);
// A body, in as many frames as `frame_max` asks for; none for an empty one.
void AppendBody(std::string& out, std::uint16_t channel, std::string_view body, std::size_t frame_max);

// One content as it comes in: a method that announces it, a header, and its body in pieces.
class Content {
 public:
  enum class Step { kMore, kWhole, kBroken };

  // What is larger than `most_body` is counted but not kept.
  explicit Content(std::size_t most_body) : most_body_(most_body) {}

  // False if one is on its way already.
  bool Begin(std::uint32_t method, std::string_view payload);
  Step AddHeader(std::string_view payload);
  Step AddBody(std::string_view payload);
  bool under_way() const { return state_ != State::kNone; }

  // After kWhole, until the next Begin.
  std::uint32_t method() const { return method_; }
  std::string_view method_payload() const { return method_payload_; }
  // The properties with their flags; the frame's class and size are cut off.
  std::string_view properties() const { return properties_; }
  bool too_large() const { return body_size_ > most_body_; }
  std::uint64_t body_size() const { return body_size_; }
  std::string& body() { return body_; }

 private:
  enum class State { kNone, kHeader, kBody };

  std::size_t most_body_;
  State state_ = State::kNone;
  std::uint32_t method_ = 0;
  std::string method_payload_;
  std::string properties_;
  std::string body_;
  std::uint64_t body_size_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace tidings::messaging::rabbitmq
