// Ticker: drives the timers of a realtime server by those of a loop.
//
//   SocketServer sockets(options, clock);
//   Ticker ticker(loop, sockets);
#pragma once

#include <functional>
#include <optional>

#include <tidings/net/event_loop.hpp>

namespace tidings::net {

// Lives on the loop's thread; `server` outlives it.
class Ticker {
 public:
  // `Server` has OnTick(Millis) and NextDeadline(), as EngineServer and SocketServer do.
  template <class Server>
  Ticker(EventLoop& loop, Server& server)
      : Ticker(loop, [&server] { return server.NextDeadline(); }, [&server](Millis now) { server.OnTick(now); }) {}
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  Ticker(EventLoop& loop, std::move_only_function<std::optional<Millis>()> next,
         std::move_only_function<void(Millis)> tick);
  // Arms the loop's timer anew where the deadline has moved.
  void Look();

  EventLoop& loop_;
  std::move_only_function<std::optional<Millis>()> next_;
  std::move_only_function<void(Millis)> tick_;
  EventLoop::TimerId timer_;
  std::optional<Millis> armed_;
  EventLoop::HookId hook_ = 0;
};

}  // namespace tidings::net
