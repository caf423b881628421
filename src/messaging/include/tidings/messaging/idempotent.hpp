// Idempotent: a message that comes again changes nothing again; see inbox.hpp.
//
//   MemoryInbox inbox;
//   router.Subscribe("payments", Idempotent(inbox), handler);
//
// It opens a unit, records the message in it, lets the handler write its effect through context.unit(), and commits. What
// the handler sends is sent before the commit, so that a crash between the two repeats it (with the same ids, where they
// come from Context::Follow) instead of losing it.
#pragma once

#include <chrono>
#include <memory>

#include <tidings/messaging/handler_settings.hpp>
#include <tidings/messaging/inbox.hpp>
#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {

class Idempotent {
 public:
  // `inbox` outlives the Router. A message that another consumer is handling just now comes again after `busy`.
  explicit Idempotent(Inbox& inbox, std::chrono::milliseconds busy = std::chrono::milliseconds(200));
  // Messages that had been handled before.
  std::uint64_t repeats() const;
  void AddTo(HandlerSettings& settings) const;

 private:
  class Rule;
  std::shared_ptr<Rule> rule_;
};

}  // namespace tidings::messaging
