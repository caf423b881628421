#include <tidings/realtime/reason.hpp>

namespace tidings::realtime {

std::string_view Text(CloseReason reason) {
  switch (reason) {
    case CloseReason::kTransportClose: return "transport close";
    case CloseReason::kTransportError: return "transport error";
    case CloseReason::kPingTimeout: return "ping timeout";
    case CloseReason::kParseError: return "parse error";
    case CloseReason::kForcedClose: return "forced close";
    case CloseReason::kServerShutdown: return "server shutting down";
    case CloseReason::kClientNamespaceDisconnect: return "client namespace disconnect";
    case CloseReason::kServerNamespaceDisconnect: return "server namespace disconnect";
  }
  return "unknown";
}

}  // namespace tidings::realtime
