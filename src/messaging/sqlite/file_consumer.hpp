// FileConsumer: the user's end of an basket.
#pragma once

#include <memory>
#include <utility>

#include <tidings/messaging/transport.hpp>

#include "core.hpp"

namespace tidings::messaging::embedded {

class FileConsumer final : public Consumer {
 public:
  FileConsumer(std::shared_ptr<Core> core, ConsumerId id, std::shared_ptr<Basket> basket)
      : core_(std::move(core)), id_(id), basket_(std::move(basket)) {}
  ~FileConsumer() override { core_->ShutSoon(id_); }

  Task<Result<Delivery>> Next() override;
  Task<void> Stop() override;

 private:
  std::shared_ptr<Core> core_;
  ConsumerId id_;
  std::shared_ptr<Basket> basket_;
};

// Whether the coroutine that awaits this was cancelled.
Task<bool> Cancelled();

// A message that is ready, waiting up to `timeout` for one.
Task<Result<std::optional<Delivery>>> PopOne(std::shared_ptr<Core> core, std::string queue,
                                             std::chrono::milliseconds timeout);

}  // namespace tidings::messaging::embedded
