// CircuitBreaker: while what the handlers depend on is down, they are not run, and no message is failed for it.
//
//   CircuitBreaker database(5, 30s);
//   router.Subscribe("orders", database, handler);
//
// After `failures` failures in a row it opens: messages wait, and no more are taken than the handler's concurrency and
// prefetch. After `pause` one of them is tried; if it succeeds the others follow, else the next pause begins. What is
// the message's own fault (rejected, undecodable) does not count.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <tidings/messaging/handler_settings.hpp>

namespace tidings::messaging {

class CircuitBreaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };

  CircuitBreaker(std::uint32_t failures, std::chrono::milliseconds pause);
  State state() const;
  // How often it opened.
  std::uint64_t opened() const;
  void AddTo(HandlerSettings& settings) const;

 private:
  class Rule;
  std::shared_ptr<Rule> rule_;
};

}  // namespace tidings::messaging
