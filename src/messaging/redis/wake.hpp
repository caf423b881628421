// Wake: hears that a queue which was empty is not any more.
#pragma once

#include <string_view>

#include "subscriber.hpp"

namespace tidings::redis {

class Wake final : public Subscriber::Listener {
 public:
  explicit Wake(Executor executor) : signal_(std::move(executor)) {}
  void OnMessage(std::string_view, std::string_view) override { Ring(); }
  void OnGap() override { Ring(); }
  void Ring() {
    rung_ = true;
    signal_.NotifyAll();
  }
  // Returns at once if it rang since the last time.
  Task<void> Wait(Timers& timers, std::chrono::milliseconds timeout) {
    if (!rung_) co_await signal_.WaitFor(timers, timeout);
    rung_ = false;
  }

 private:
  Signal signal_;
  bool rung_ = false;
};

}  // namespace tidings::redis
