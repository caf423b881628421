// Signal: coroutines wait on it until somebody notifies them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

namespace tidings::messaging {

// A waiter looks again at what it waits for when Wait returns: a notification is a wake-up, not a promise. One that waits
// when the execution context ends is destroyed with it, as by Asio's own objects.
class Signal {
 public:
  explicit Signal(Executor executor);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Until the next notification. Cancellable: ends as if notified.
  Task<void> Wait();
  // The same, at most for `timeout`. False if it was the time that ended it.
  Task<bool> WaitFor(Timers& timers, std::chrono::milliseconds timeout);

  // Wakes all who wait, on the executor's next turn; the oldest one.
  void NotifyAll();
  void NotifyOne();
  bool waited_for() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace tidings::messaging
