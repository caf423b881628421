#include "load/socketio_protocol.hpp"

#include <algorithm>
#include <array>

namespace tidings::bench {
namespace {

// Each number of a room's log is exactly one of these.
constexpr std::string_view kMessage = "42[\"NEW_MESSAGE\"";
constexpr std::array<std::string_view, 4> kLogEvents = {"42[\"MESSAGE_UPDATED\"", "42[\"MESSAGE_DELETED\"",
                                                        "42[\"ROOM_CHANGED\"", "42[\"MEMBERS_CHANGED\""};

std::string Command(std::uint64_t id, std::string_view name, std::string_view room) {
  std::string packet = "42";
  if (id != 0) packet += std::to_string(id);
  return packet.append("[\"").append(name).append("\",{\"roomId\":\"").append(room).append("\"");
}

}  // namespace

std::string SocketIoProtocol::Connect(std::string_view token) const {
  return std::string("40{\"token\":\"").append(token).append("\"}");
}

std::string SocketIoProtocol::Join(std::uint64_t id, std::string_view room, std::optional<std::uint64_t> after) const {
  std::string packet = Command(id, "room:join", room);
  if (after) packet.append(",\"after\":").append(std::to_string(*after));
  return packet.append("}]");
}

std::string SocketIoProtocol::Send(std::uint64_t id, std::string_view room, std::string_view text,
                                   std::string_view client_message_id) const {
  std::string packet = Command(id, "message:send", room).append(",\"text\":\"").append(text);
  if (!client_message_id.empty()) packet.append("\",\"clientMessageId\":\"").append(client_message_id);
  return packet.append("\"}]");
}

std::string SocketIoProtocol::Read(std::string_view room, std::uint64_t seq) const {
  return Command(0, "room:read", room).append(",\"seq\":").append(std::to_string(seq)).append("}]");
}

void SocketIoProtocol::Parse(std::string_view payload, EventSink& sink) {
  Event event;
  event.raw = payload;
  if (payload.starts_with("42")) {
    ParseEvent(payload, event);
  } else if (payload.starts_with("43")) {
    event.kind = Event::Kind::kAck;
    event.id = NumberAt(payload, 2).value_or(0);
    event.ok = payload.find("\"status\":\"success\"") != std::string_view::npos;
  } else if (payload == "2") {
    event.kind = Event::Kind::kPing;
  } else if (payload.starts_with("0")) {
    event.kind = Event::Kind::kOpened;
  } else if (payload.starts_with("40")) {
    event.kind = Event::Kind::kConnected;
  } else if (payload.starts_with("44") || payload.starts_with("41") || payload.starts_with("1")) {
    event.kind = Event::Kind::kRefused;
  }
  sink.OnEvent(event);
}

void SocketIoProtocol::ParseEvent(std::string_view payload, Event& event) {
  if (payload.starts_with(kMessage)) {
    event.kind = Event::Kind::kDelivery;
    const std::size_t marker = marker_.Find(payload);
    event.marked = marker != std::string_view::npos && marker + Marker::kSize <= payload.size();
    if (event.marked) event.marker = ParseMarker(payload.substr(marker));
  } else if (std::ranges::any_of(kLogEvents, [payload](auto name) { return payload.starts_with(name); })) {
    event.kind = Event::Kind::kLogEvent;
  } else {
    return;
  }
  if (!numbers_) return;
  const std::size_t seq = seq_.Find(payload);
  if (seq != std::string_view::npos) event.seq = NumberAt(payload, seq + seq_.size());
}

}  // namespace tidings::bench
