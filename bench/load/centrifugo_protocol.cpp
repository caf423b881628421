#include "load/centrifugo_protocol.hpp"

namespace tidings::bench {
namespace {

constexpr std::uint64_t kConnectId = 1;

std::string Command(std::uint64_t id, std::string_view method) {
  return std::string("{\"id\":").append(std::to_string(id)).append(",\"").append(method).append("\":{");
}

}  // namespace

std::string CentrifugoProtocol::Connect(std::string_view token) const {
  return Command(kConnectId, "connect").append("\"token\":\"").append(token).append("\"}}");
}

std::string CentrifugoProtocol::Join(std::uint64_t id, std::string_view room, std::optional<std::uint64_t>) const {
  return Command(id, "subscribe").append("\"channel\":\"").append(room).append("\"}}");
}

std::string CentrifugoProtocol::Send(std::uint64_t id, std::string_view room, std::string_view text,
                                     std::string_view) const {
  std::string command = Command(id, "publish").append("\"channel\":\"").append(room);
  return command.append("\",\"data\":{\"text\":\"").append(text).append("\"}}}");
}

void CentrifugoProtocol::Parse(std::string_view payload, EventSink& sink) {
  while (!payload.empty()) {
    const std::size_t end = payload.find('\n');
    if (end != 0) ParseLine(payload.substr(0, end), sink);
    if (end == std::string_view::npos) return;
    payload.remove_prefix(end + 1);
  }
}

void CentrifugoProtocol::ParseLine(std::string_view line, EventSink& sink) {
  Event event;
  event.raw = line;
  if (line.starts_with("{\"push\"")) {
    const std::size_t marker = marker_.Find(line);
    event.marked = marker != std::string_view::npos && marker + Marker::kSize <= line.size();
    if (event.marked) {
      event.kind = Event::Kind::kDelivery;
      event.marker = ParseMarker(line.substr(marker));
    }
  } else if (line == "{}") {
    event.kind = Event::Kind::kPing;
  } else if (line.starts_with("{\"id\":")) {
    event.id = NumberAt(line, 6).value_or(0);
    event.ok = line.find("\"error\":{") == std::string_view::npos;
    event.kind = event.id != kConnectId ? Event::Kind::kAck
                 : event.ok             ? Event::Kind::kConnected
                                        : Event::Kind::kRefused;
  }
  sink.OnEvent(event);
}

}  // namespace tidings::bench
