// ResidentWorker: a worker inside the server, on its embedded queue.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <tidings/app/embedded_queue.hpp>
#include <tidings/app/worker.hpp>

namespace tidings::app {

class ResidentWorker final : public QueueResident {
 public:
  explicit ResidentWorker(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}

  std::string name() const override { return std::string(worker_->name()); }
  messaging::Task<Status> Start(messaging::Transport& transport, messaging::Timers& timers) override {
    return worker_->Start(transport, timers);
  }
  messaging::Task<void> Stop(std::chrono::milliseconds deadline) override { return worker_->Stop(deadline); }

 private:
  const std::unique_ptr<Worker> worker_;
};

}  // namespace tidings::app
