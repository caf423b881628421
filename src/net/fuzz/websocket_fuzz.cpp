// WebSocket frames of a client, cut into reads in two ways, which must give the same events.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "websocket_codec.hpp"

namespace {

using tidings::net::WebSocketDecoder;
using tidings::net::WebSocketEvent;
using tidings::net::WebSocketLimits;
using Event = std::tuple<WebSocketEvent::Kind, std::uint16_t, std::string>;

std::vector<Event> Decode(std::string_view bytes, std::size_t piece, bool deflate) {
  const WebSocketLimits limits{.max_message = 4096, .max_fragments = 16, .deflate = deflate};
  WebSocketDecoder decoder(limits);
  std::vector<Event> events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string part(bytes.substr(at, piece));
    std::span<char> input(part);
    while (true) {
      const WebSocketEvent event = decoder.Next(input);
      if (event.kind == WebSocketEvent::Kind::kNothing) break;
      if (event.data.size() > limits.max_message) std::abort();
      events.emplace_back(event.kind, event.code, std::string(event.data));
    }
    if (!input.empty() || decoder.held() > 2 * limits.max_message) std::abort();
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const bool deflate = (data[0] & 1) != 0;
  const std::size_t piece = 1 + data[0] / 2;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Decode(bytes, bytes.size() + 1, deflate) != Decode(bytes, piece, deflate)) std::abort();
  return 0;
}
