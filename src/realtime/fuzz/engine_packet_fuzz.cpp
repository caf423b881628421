// Engine.IO payloads: reading is total, and what was read can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <tidings/realtime/engine_packet.hpp>

using namespace tidings::realtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  std::string again;
  std::size_t packets = 0;
  PayloadReader reader(body);
  while (const auto packet = reader.Next()) {
    ++packets;
    const std::string text = static_cast<char>(packet->type) + std::string(packet->data);
    AppendToPayload(again, packet->binary ? *Frame::Binary(packet->data) : *Frame::Text(text));
  }
  if (packets == 0) return 0;
  PayloadReader second(again);
  for (; packets > 0; --packets) {
    if (!second.Next()) std::abort();
  }
  if (second.Next() || second.failed()) std::abort();
  return 0;
}
