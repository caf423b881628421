// Throttle: so many messages a second, with a burst. What comes faster waits its turn and is not failed.
//
//   Throttle provider(10, 20);   // 10 a second, 20 at once after a rest; shared by the handlers that it is given to
//   router.Subscribe("sms", provider, handler);
#pragma once

#include <memory>

#include <tidings/messaging/handler_settings.hpp>

namespace tidings::messaging {

class Throttle {
 public:
  // REQUIRES: per_second is above 0; a burst below 1 counts as 1.
  explicit Throttle(double per_second, double burst = 1);
  void AddTo(HandlerSettings& settings) const;

 private:
  class Rule;
  std::shared_ptr<Rule> rule_;
};

}  // namespace tidings::messaging
