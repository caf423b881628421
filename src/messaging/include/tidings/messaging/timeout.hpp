// Timeout: a handler that takes longer is cancelled, and has failed.
//
//   router.Subscribe("mails", Timeout(5s), handler);
//
// Cancelling ends what the handler awaits with operation_aborted; one that awaits nothing cannot be cancelled. The message
// is settled when the handler has ended, so that no two of its tries run at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <tidings/messaging/handler_settings.hpp>

namespace tidings::messaging {

class Timeout {
 public:
  explicit Timeout(std::chrono::milliseconds after);
  // Handlers that were cancelled.
  std::uint64_t expired() const;
  void AddTo(HandlerSettings& settings) const;

 private:
  class Rule;
  std::shared_ptr<Rule> rule_;
};

}  // namespace tidings::messaging
