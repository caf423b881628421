#include <tidings/realtime/engine_packet.hpp>

namespace tidings::realtime {

std::optional<EnginePacket> DecodeEnginePacket(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '6') return std::nullopt;
  return EnginePacket{static_cast<EngineType>(text[0]), false, text.substr(1)};
}

std::optional<EnginePacket> PayloadReader::Next() {
  if (failed_ || (begun_ && rest_.data() == nullptr)) return std::nullopt;
  begun_ = true;
  const std::size_t end = rest_.find(kPayloadSeparator);
  const std::string_view one = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  if (!one.empty() && one[0] == 'b') {
    if (auto bytes = Base64Decode(one.substr(1))) {
      bytes_ = std::move(*bytes);
      return EnginePacket{EngineType::kMessage, true, bytes_};
    }
  } else if (auto packet = DecodeEnginePacket(one)) {
    return packet;
  }
  failed_ = true;
  return std::nullopt;
}

std::size_t PayloadSize(const Frame& frame) {
  const std::size_t size = frame.payload().size();
  return frame.binary() ? 1 + (size + 2) / 3 * 4 : size;
}

void AppendToPayload(std::string& payload, const Frame& frame) {
  if (!payload.empty()) payload += kPayloadSeparator;
  if (frame.binary()) {
    payload += 'b';
    payload += Base64Encode(frame.payload());
  } else {
    payload += frame.payload();
  }
}

}  // namespace tidings::realtime
