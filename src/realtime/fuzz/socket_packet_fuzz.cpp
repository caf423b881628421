// Socket.IO packets: decoding is total, and what was decoded passes on unchanged. The input is one text message, and
// attachments after 0x00 bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <tidings/realtime/socket_packet.hpp>

using namespace tidings::realtime;

namespace {

void Check(const SocketPacket& packet, const DecodeLimits& limits) {
  if (packet.type != SocketType::kEvent) return;
  const EncodedPacket encoded = EncodeEvent(packet.nsp, packet.event, packet.args, packet.id);
  SocketDecoder decoder(limits);
  auto again = decoder.Text(encoded.head->payload().substr(1));
  for (const FrameRef& attachment : encoded.attachments) {
    if (!again || *again) std::abort();
    again = decoder.Attachment(attachment->payload());
  }
  if (!again || !*again || (*again)->event != packet.event || (*again)->args.text() != packet.args.text()) std::abort();
  if ((*again)->args.attachments() != packet.args.attachments()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const DecodeLimits limits{.max_attachments = 10, .max_attachment_bytes = 1'000, .max_namespace = 128};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  SocketDecoder decoder(limits);
  bool text = true;
  while (true) {
    const std::size_t end = rest.find('\0');
    const std::string_view one = rest.substr(0, end);
    const auto packet = text ? decoder.Text(one) : decoder.Attachment(one);
    if (!packet) return 0;
    if (*packet) Check(**packet, limits);
    if (end == std::string_view::npos) return 0;
    rest.remove_prefix(end + 1);
    text = !decoder.incomplete();
  }
}
