// RedisSettlement: how a delivery of this transport is settled.
#pragma once

#include <memory>
#include <string>

#include <tidings/messaging/delivery.hpp>

#include "fetcher.hpp"

namespace tidings::redis {

class RedisSettlement final : public messaging::Settlement {
 public:
  RedisSettlement(std::shared_ptr<Fetcher> fetcher, std::string entry, Millis ends);
  ~RedisSettlement() override;

  Task<Status> Ack() override;
  Task<Status> Nack() override;
  Task<Status> Retry(Message message, std::chrono::milliseconds delay) override;
  Task<Status> Bury(Message message) override;
  Task<bool> Extend() override;

  const std::string& entry() const { return entry_; }

 private:
  friend class Fetcher;
  // Held no more by its consumer.
  void Leave();

  std::shared_ptr<Fetcher> fetcher_;
  std::shared_ptr<Queue> queue_;
  std::string entry_;
  Millis ends_;
  std::size_t place_;
  bool left_ = false;
};

}  // namespace tidings::redis
