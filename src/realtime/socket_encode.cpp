// The other half of the codec: what clients are sent.
#include <tidings/realtime/socket_packet.hpp>

namespace tidings::realtime {

namespace {

// The head of a packet up to its payload, with the Engine.IO digit.
std::string Head(SocketType type, std::string_view nsp, std::size_t attachments, std::optional<std::uint64_t> id,
                 std::size_t payload) {
  std::string packet;
  packet.reserve(nsp.size() + payload + 40);
  packet += '4';
  packet += static_cast<char>('0' + static_cast<int>(type));
  if (type == SocketType::kBinaryEvent || type == SocketType::kBinaryAck) {
    json::AppendNumber(packet, attachments);
    packet += '-';
  }
  if (nsp != "/") {
    packet += nsp;
    packet += ',';
  }
  if (id) json::AppendNumber(packet, *id);
  return packet;
}

EncodedPacket WithAttachments(std::string_view packet, const Arguments& arguments) {
  EncodedPacket encoded{Frame::Text(packet), {}};
  encoded.attachments.reserve(arguments.attachments().size());
  for (const Bytes& bytes : arguments.attachments()) encoded.attachments.push_back(Frame::Binary(bytes));
  return encoded;
}

void AppendEvent(std::string& packet, std::string_view event, std::string_view arguments) {
  packet += '[';
  json::AppendString(packet, event);
  if (!arguments.empty()) packet += ',';
  packet += arguments;
  packet += ']';
}

}  // namespace

std::size_t EncodedPacket::size() const {
  std::size_t sum = head ? head->wire().size() : 0;
  for (const FrameRef& one : attachments) sum += one->wire().size();
  return sum;
}

EncodedPacket EncodeEvent(std::string_view nsp, std::string_view event, const Arguments& arguments,
                          std::optional<std::uint64_t> id) {
  const std::size_t count = arguments.attachments().size();
  std::string packet = Head(count > 0 ? SocketType::kBinaryEvent : SocketType::kEvent, nsp, count, id,
                            event.size() + arguments.text().size());
  AppendEvent(packet, event, arguments.text());
  return WithAttachments(packet, arguments);
}

FrameRef EncodeEventText(std::string_view nsp, std::string_view event, std::string_view arguments) {
  std::string packet = Head(SocketType::kEvent, nsp, 0, std::nullopt, event.size() + arguments.size());
  AppendEvent(packet, event, arguments);
  return Frame::Text(packet);
}

EncodedPacket EncodeAck(std::string_view nsp, std::uint64_t id, const Arguments& arguments) {
  const std::size_t count = arguments.attachments().size();
  std::string packet =
      Head(count > 0 ? SocketType::kBinaryAck : SocketType::kAck, nsp, count, id, arguments.text().size());
  packet += '[';
  packet += arguments.text();
  packet += ']';
  return WithAttachments(packet, arguments);
}

FrameRef EncodeConnect(std::string_view nsp, std::string_view sid, std::string_view pid) {
  std::string packet = Head(SocketType::kConnect, nsp, 0, std::nullopt, sid.size() + pid.size());
  json::ObjectWriter object(packet);
  object.Text("sid", sid);
  if (!pid.empty()) object.Text("pid", pid);
  object.End();
  return Frame::Text(packet);
}

FrameRef EncodeConnectError(std::string_view nsp, std::string_view message, std::string_view data) {
  std::string packet = Head(SocketType::kConnectError, nsp, 0, std::nullopt, message.size() + data.size());
  json::ObjectWriter object(packet);
  object.Text("message", message);
  if (!data.empty()) object.Raw("data", data);
  object.End();
  return Frame::Text(packet);
}

FrameRef EncodeDisconnect(std::string_view nsp) {
  return Frame::Text(Head(SocketType::kDisconnect, nsp, 0, std::nullopt, 0));
}

}  // namespace tidings::realtime
