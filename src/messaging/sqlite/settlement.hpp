// FileSettlement: how a delivery out of the file is settled.
#pragma once

#include <memory>
#include <utility>

#include <tidings/messaging/delivery.hpp>

#include "core.hpp"

namespace tidings::messaging::embedded {

class FileSettlement final : public Settlement {
 public:
  FileSettlement(std::shared_ptr<Core> core, std::shared_ptr<Held> held)
      : core_(std::move(core)), held_(std::move(held)) {}
  ~FileSettlement() override { core_->Drop(held_); }

  Task<Status> Ack() override;
  Task<Status> Nack() override;
  Task<Status> Retry(Message message, std::chrono::milliseconds delay) override;
  Task<Status> Bury(Message message) override;
  Task<bool> Extend() override;

 private:
  using Work = std::move_only_function<Status(Desk&)>;
  Task<Status> Settle(Work work);

  std::shared_ptr<Core> core_;
  std::shared_ptr<Held> held_;
};

}  // namespace tidings::messaging::embedded
