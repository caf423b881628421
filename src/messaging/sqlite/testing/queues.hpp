// Short words for tests of transports on a file.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/guarded.hpp>
#include <tidings/messaging/sqlite/transport.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../../testing/task_runner.hpp"

namespace tidings::messaging::testing {

// An executor, its time, and the transports that a test opens on one folder.
class Queues {
 public:
  Queues() : own_(std::in_place), folder_(own_->File("queues")) {}
  // On a folder of another one, for a process of its own.
  explicit Queues(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  std::string file() const { return folder() + "/messaging.db"; }
  TaskRunner& runner() { return runner_; }
  Timers& timers() { return timers_; }
  LossLedger& ledger() { return ledger_; }

  SqliteTransport::Options Options() {
    SqliteTransport::Options options;
    options.folder = folder();
    options.fatal = [this](const std::string& line) { *fatal_.Lock() = line; };
    options.poll_every = std::chrono::milliseconds(5);
    options.probe_every = std::chrono::milliseconds(5);
    return options;
  }
  Result<std::unique_ptr<SqliteTransport>> TryOpen(SqliteTransport::Options options) {
    return SqliteTransport::Open(runner_.executor(), timers_, ledger_, std::move(options));
  }
  std::unique_ptr<SqliteTransport> Open(SqliteTransport::Options options) {
    auto opened = TryOpen(std::move(options));
    if (!opened) ADD_FAILURE() << opened.error().message();
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<SqliteTransport> Open() { return Open(Options()); }
  std::string fatal() { return *fatal_.Lock(); }

  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  void Declare(Transport& transport, const std::string& queue, QueueOptions options = QueueOptions()) {
    Topology topology;
    topology.AddQueue(queue, options);
    const auto declared = Run(transport.Declare(topology));
    EXPECT_TRUE(declared) << declared.error().message();
  }
  // The code of the error, if there is one.
  std::optional<ErrorCode> Publish(Transport& transport, const std::string& queue, const std::string& body,
                                   PublishOptions options = PublishOptions()) {
    const auto published = Run(transport.Publish(Address::Queue(queue), Message(body), options));
    return published ? std::nullopt : std::optional(published.error().code());
  }
  std::optional<Delivery> Pop(Transport& transport, const std::string& queue,
                              std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
    auto popped = Run(transport.Pop(queue, timeout));
    if (!popped) {
      ADD_FAILURE() << popped.error().message();
      return std::nullopt;
    }
    return *std::move(popped);
  }
  // The bodies that are there, acknowledged.
  std::vector<std::string> Drain(Transport& transport, const std::string& queue) {
    std::vector<std::string> bodies;
    while (auto delivery = Pop(transport, queue)) {
      bodies.push_back(delivery->message().body);
      EXPECT_TRUE(Run(delivery->Ack()));
    }
    return bodies;
  }
  QueueStats Stats(Transport& transport, const std::string& queue) {
    auto stats = Run(transport.Stats(queue));
    EXPECT_TRUE(stats) << stats.error().message();
    return stats ? *stats : QueueStats();
  }

 private:
  std::optional<TempFolder> own_;
  std::string folder_;
  TaskRunner runner_;
  SystemTimers timers_{runner_.executor()};
  LossLedger ledger_;
  Guarded<std::string> fatal_;
};

}  // namespace tidings::messaging::testing
