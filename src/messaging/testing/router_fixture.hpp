// RouterFixture: a Router's surroundings for tests: memory, and time that stands still.
#pragma once

#include <gtest/gtest.h>

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
  RouterFixture() { Declare(Topology().AddQueue("q").AddQueue("out")); }

  void Declare(const Topology& topology) {
    const Status declared = runner_.Run(transport_.Declare(topology));
    EXPECT_TRUE(declared) << declared.error().message();
  }
  void Publish(Message message, const std::string& queue = "q") {
    EXPECT_TRUE(runner_.Run(transport_.Publish(Address::Queue(queue), std::move(message), PublishOptions())));
  }
  void Start(Router& router) {
    const Status started = runner_.Run(router.Start());
    ASSERT_TRUE(started) << started.error().message();
    runner_.Poll();
  }
  // Everything that happens until then, in the order of its time.
  void Advance(std::chrono::milliseconds by) {
    const Millis until = timers_.Steady() + by.count();
    runner_.Poll();
    while (timers_.Steady() < until) {
      const auto next = timers_.Next().value_or(by);
      timers_.Advance(
          std::clamp<std::chrono::milliseconds>(next, 1ms, std::chrono::milliseconds(until - timers_.Steady())));
      runner_.Poll();
    }
  }
  std::vector<Message> Take(const std::string& queue) {
    std::vector<Message> messages;
    for (;;) {
      auto popped = runner_.Run(transport_.Pop(queue, 0ms));
      if (!popped || !*popped) return messages;
      messages.push_back((*popped)->message());
      EXPECT_TRUE(runner_.Run((*popped)->Ack()));
    }
  }
  QueueStats Stats(const std::string& queue = "q") { return *runner_.Run(transport_.Stats(queue)); }

  TaskRunner runner_;
  VirtualTimers timers_;
  LossLedger ledger_;
  MemoryTransport transport_{runner_.executor(), timers_, MemoryOptions(&ledger_)};
  Router router_{transport_, timers_};
};

}  // namespace tidings::messaging::testing
