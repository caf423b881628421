// FileSettlement: how a delivery out of the file is settled.
#pragma once

#include <memory>
#include <utility>

#include <tidings/messaging/delivery.hpp>

#include "core.hpp"

namespace tidings::messaging::embedded {

class FileSettlement final : public Settlement {
 public:
  explicit FileSettlement(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~FileSettlement() override { core_->Drop(held_); }

  Held& held() { return held_; }

  Task<Status> Ack() override;
  Task<Status> Nack() override;
  Task<Status> Retry(Message message, std::chrono::milliseconds delay) override;
  Task<Status> Bury(Message message) override;
  Task<bool> Extend() override;

 private:
  // `work` makes a Status of the desk and the message's place.
  template <class Work>
  Task<Status> Settle(Work work);

  std::shared_ptr<Core> core_;
  Held held_;
};

}  // namespace tidings::messaging::embedded
