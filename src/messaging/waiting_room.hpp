// WaitingRoom: where a middleware keeps messages waiting; emptied when the router drains.
#pragma once

#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <memory>

#include <tidings/messaging/context.hpp>
#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {

class WaitingRoom {
 public:
  // Until the time is over or LetGo was called. False: the router drains, and the message is to be returned.
  Task<bool> Wait(const Context& context, std::chrono::milliseconds time) {
    if (!signal_) signal_ = std::make_shared<Signal>(co_await boost::asio::this_coro::executor);
    const auto signal = signal_;
    if (!context.stopping()) co_await signal->WaitFor(context.timers(), time);
    co_return !context.stopping();
  }
  void LetGo() {
    if (signal_) signal_->NotifyAll();
  }

 private:
  std::shared_ptr<Signal> signal_;
};

}  // namespace tidings::messaging
