#include "frame.hpp"

#include <algorithm>

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::size_t kFrameHead = 7;
// Only so much of a body is reserved on its header's word.
constexpr std::uint64_t kMostReserved = 1024 * 1024;

}  // namespace

FrameStep TakeFrame(std::string_view& bytes, std::size_t frame_max, Frame& frame) {
  if (bytes.empty()) return FrameStep::kMore;
  const auto type = static_cast<std::uint8_t>(bytes[0]);
  if (type != 1 && type != 2 && type != 3 && type != 8) return FrameStep::kBroken;
  if (bytes.size() < kFrameHead) return FrameStep::kMore;
  Reader head(bytes.substr(1, kFrameHead - 1));
  frame.type = static_cast<FrameType>(type);
  frame.channel = head.U16();
  const std::size_t size = head.U32();
  if (size + kFrameOverhead > frame_max) return FrameStep::kBroken;
  if (bytes.size() < size + kFrameOverhead) return FrameStep::kMore;
  if (static_cast<std::uint8_t>(bytes[kFrameHead + size]) != kFrameEnd) return FrameStep::kBroken;
  frame.payload = bytes.substr(kFrameHead, size);
  bytes.remove_prefix(size + kFrameOverhead);
  return FrameStep::kFrame;
}

void AppendHeartbeat(std::string& out) { EndFrame(out, BeginFrame(out, FrameType::kHeartbeat, 0)); }

std::size_t BeginFrame(std::string& out, FrameType type, std::uint16_t channel) {
  Writer writer(out);
  writer.U8(static_cast<std::uint8_t>(type));
  writer.U16(channel);
  return writer.BeginLength();
}

void EndFrame(std::string& out, std::size_t begin) {
  Writer writer(out);
  writer.EndLength(begin);
  writer.U8(kFrameEnd);
}

void AppendBody(std::string& out, std::uint16_t channel, std::string_view body, std::size_t frame_max) {
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, frame_max - kFrameOverhead);
    const std::size_t begin = BeginFrame(out, FrameType::kBody, channel);
    out += piece;
    EndFrame(out, begin);
    body.remove_prefix(piece.size());
  }
}

bool Content::Begin(std::uint32_t method, std::string_view payload) {
  if (under_way()) return false;
  state_ = State::kHeader;
  method_ = method;
  method_payload_ = payload;
  return true;
}

Content::Step Content::AddHeader(std::string_view payload) {
  constexpr std::uint16_t kBasic = 60;
  Reader reader(payload);
  const std::uint16_t of_class = reader.U16();
  reader.U16();  // weight, unused
  body_size_ = reader.U64();
  if (state_ != State::kHeader || !reader.ok() || of_class != kBasic) return Step::kBroken;
  properties_ = payload.substr(12);
  body_ = std::string();
  received_ = 0;
  if (!too_large()) body_.reserve(std::min(body_size_, kMostReserved));
  state_ = body_size_ == 0 ? State::kNone : State::kBody;
  return body_size_ == 0 ? Step::kWhole : Step::kMore;
}

Content::Step Content::AddBody(std::string_view payload) {
  if (state_ != State::kBody || payload.size() > body_size_ - received_) return Step::kBroken;
  received_ += payload.size();
  if (!too_large()) body_ += payload;
  if (received_ < body_size_) return Step::kMore;
  state_ = State::kNone;
  return Step::kWhole;
}

}  // namespace tidings::messaging::rabbitmq
