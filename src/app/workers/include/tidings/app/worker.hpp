// Workers: what works on the chat's queue beside the server. docs/workers.md says what each does.
#pragma once

#include <chrono>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include <tidings/app/config.hpp>
#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

// "webhook", …
std::span<const std::string_view> WorkerNames();

// One instance of a worker, on whatever transport. Belongs to the transport's executor.
class Worker {
 public:
  // kInvalid: there is no such worker, or its settings are wrong.
  static Result<std::unique_ptr<Worker>> Make(std::string_view name, const Config& config);
  virtual ~Worker() = default;
  virtual std::string_view name() const = 0;
  // Declares its queues and begins. May be called again after it failed. REQUIRES: transport and timers outlive Stop.
  virtual messaging::Task<Status> Start(messaging::Transport& transport, messaging::Timers& timers) = 0;
  // Finishes what is in hand, within the deadline. Also if Start failed.
  virtual messaging::Task<void> Stop(std::chrono::milliseconds deadline) = 0;
};

// Whether a worker may work on config.data as a process of its own. kNotFound: that is neither a server's folder nor one where it
// has worked before; the archive, which needs no server's, may begin in any folder that is there.
Status CheckWorkerFolder(std::string_view name, const Config& config);

// `tidings worker NAME`: works over RabbitMQ until SIGTERM. Says on `out` when it has begun. kNotFound, and nothing is made or
// taken: see CheckWorkerFolder.
Status RunWorker(std::string_view name, const Config& config, std::ostream& out);

}  // namespace tidings::app
