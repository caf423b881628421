// Protocol: what a connection speaks just now. It changes its protocol over its life: the PROXY header, HTTP, WebSocket.
#pragma once

#include <cstddef>
#include <span>

#include "deadlines.hpp"

namespace tidings::net {

// All calls on the loop's thread. Owned by its connection.
class Protocol {
 public:
  virtual ~Protocol() = default;
  // Takes bytes from the front and returns how many; those left are given again, with more behind them. The bytes may
  // be changed in place.
  virtual std::size_t OnInput(std::span<char> input) = 0;
  // The peer says nothing more; it may still listen.
  virtual void OnEnd() = 0;
  // All output was handed to the kernel after some of it had waited over a turn's end.
  virtual void OnDrained() {}
  // At the end of the turn in which Connection::WakeAtTurnEnd was called.
  virtual void OnWake() {}
  // What Connection::WaitFor named did not happen in time. True if that was dealt with, else the connection is cut.
  virtual bool OnTimeout(Wait wait) {
    (void)wait;
    return false;
  }
  // The connection has moved to another loop, as was asked for.
  virtual void OnMoved() {}
  // The server stops.
  virtual void OnStop() = 0;
  // The connection has ended. Last call.
  virtual void OnClosed() {}
  // Bytes kept of what is not whole yet.
  virtual std::size_t Held() const { return 0; }
};

}  // namespace tidings::net
