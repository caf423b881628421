#include "load/protocol.hpp"

#include "load/centrifugo_protocol.hpp"
#include "load/socketio_protocol.hpp"

namespace tidings::bench {

std::unique_ptr<Protocol> MakeProtocol(std::string_view name) {
  if (name == "tidings" || name == "limit") return std::make_unique<SocketIoProtocol>(true);
  if (name == "socketio") return std::make_unique<SocketIoProtocol>(false);
  if (name == "centrifugo") return std::make_unique<CentrifugoProtocol>();
  return nullptr;
}

}  // namespace tidings::bench
