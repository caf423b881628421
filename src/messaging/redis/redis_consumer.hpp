// RedisConsumer: fetches ahead of its handler, up to its prefetch.
#pragma once

#include <memory>
#include <string>

#include <tidings/messaging/transport.hpp>

#include "fetcher.hpp"
#include "wake.hpp"

namespace tidings::redis {

class RedisConsumer final : public messaging::Consumer {
 public:
  RedisConsumer(const Executor& executor, std::shared_ptr<Queue> queue, std::shared_ptr<Wake> wake,
                messaging::ConsumeOptions options, std::string owner);
  ~RedisConsumer() override;
  Task<Result<Delivery>> Next() override;
  Task<void> Stop() override;

  // What fetches; it outlives the consumer by a moment.
  class Pump;
  std::weak_ptr<Pump> pump() const { return pump_; }
  // As Stop, of a consumer that may be gone.
  static void StopPump(const std::weak_ptr<Pump>& pump);

 private:
  std::shared_ptr<Pump> pump_;
};

}  // namespace tidings::redis
