// The opening handshake of a WebSocket, server side (RFC 6455 §4.2). No I/O.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <tidings/realtime/http.hpp>

namespace tidings::net {

struct Handshake {
  std::string accept;    // the value of Sec-WebSocket-Accept
  bool deflate = false;  // permessage-deflate without context takeover (RFC 7692) was asked for and is granted
};

// Whether the request asks for a WebSocket at all.
bool AsksForWebSocket(const realtime::HttpRequest& request);

// Checks the handshake: 400 for what is wrong, 426 for another version. `deflate`: compression may be granted.
std::expected<Handshake, realtime::HttpAnswer> CheckHandshake(const realtime::HttpRequest& request, bool version_1_1,
                                                              bool deflate);

// The answer 101, whole.
std::string HandshakeAnswer(const Handshake& handshake);

}  // namespace tidings::net
