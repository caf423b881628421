// SignalWatch: signals as calls on a loop.
#pragma once

#include <functional>
#include <initializer_list>

#include <tidings/net/event_loop.hpp>

namespace tidings::net {

// Blocks the signals for the calling thread, and for those that it starts later, and calls `on_signal` with the
// number of each that arrives, on the loop's thread. To be made before other threads are. Throws std::system_error.
class SignalWatch final : private EventSource {
 public:
  SignalWatch(EventLoop& loop, std::initializer_list<int> signals, std::move_only_function<void(int)> on_signal);
  ~SignalWatch() override;
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void OnReady(std::uint32_t events) override;

  EventLoop& loop_;
  int fd_ = -1;
  std::move_only_function<void(int)> on_signal_;
};

}  // namespace tidings::net
