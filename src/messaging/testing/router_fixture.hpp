// RouterFixture: a Router's surroundings for tests: memory, and time that stands still.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/router.hpp>

#include "testing/task_runner.hpp"

namespace tidings::messaging::testing {

using namespace std::chrono_literals;

class RouterFixture : public ::testing::Test {
 protected:
  RouterFixture();

  void Declare(const Topology& topology);
  void Publish(Message message, const std::string& queue = "q");
  void Start(Router& router);
  // Everything that happens until then, in the order of its time.
  void Advance(std::chrono::milliseconds by);
  std::vector<Message> Take(const std::string& queue);
  QueueStats Stats(const std::string& queue = "q");

  TaskRunner runner_;
  VirtualTimers timers_;
  LossLedger ledger_;
  MemoryTransport transport_{runner_.executor(), timers_, MemoryOptions(&ledger_)};
  Router router_{transport_, timers_};
};

}  // namespace tidings::messaging::testing
