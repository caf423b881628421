// Why a connection ended, with the texts that Socket.IO's own server uses.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidings::realtime {

enum class CloseReason : std::uint8_t {
  kTransportClose,             // the client's connection went away, or it said that it closes
  kTransportError,             // the client broke the transport's rules, or its queue overflowed
  kPingTimeout,                // no pong in time
  kParseError,                 // bytes that are no Engine.IO or Socket.IO packet
  kForcedClose,                // closed here: wrong state, no CONNECT in time, EngineSession::Close
  kServerShutdown,             // CloseAll
  kClientNamespaceDisconnect,  // the client left this namespace
  kServerNamespaceDisconnect,  // Socket::Disconnect
};

// For example "ping timeout".
std::string_view Text(CloseReason reason);

}  // namespace tidings::realtime
