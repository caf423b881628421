// Getter: basic.get, one message at a time over one channel for all queues.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "consumer.hpp"
#include "link.hpp"

namespace tidings::messaging::rabbitmq {

class Getter {
 public:
  Getter(Executor executor, Timers& timers, std::shared_ptr<Link> link, std::weak_ptr<Settling> settling)
      : executor_(std::move(executor)),
        timers_(timers),
        link_(std::move(link)),
        settling_(std::move(settling)),
        tags_(std::make_shared<Tags>(link_->load())),
        free_(executor_) {}

  // Nothing if the queue has none ready. kNotFound: no such queue. Calls take turns.
  Task<Result<std::optional<Delivery>>> Get(std::string queue, std::chrono::milliseconds timeout);
  void Close() { tags_->End(); }

 private:
  Task<Result<std::optional<Delivery>>> GetNow(std::string queue, std::chrono::milliseconds timeout);

  Executor executor_;
  Timers& timers_;
  std::shared_ptr<Link> link_;
  std::weak_ptr<Settling> settling_;
  std::shared_ptr<Tags> tags_;
  bool busy_ = false;
  Signal free_;
};

}  // namespace tidings::messaging::rabbitmq
