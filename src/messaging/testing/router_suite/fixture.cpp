#include <gtest/gtest.h>

#include <utility>

#include <tidings/messaging/dead_letters.hpp>

#include "testing/router_suite.hpp"

namespace tidings::messaging::testing {

void RouterSuite::SetUp() {
  TransportFixture::SetUp();
  queue_ = Name("router");
}

bool RouterSuite::Until(const std::function<bool()>& condition) {
  if (!features().virtual_time) return TransportFixture::Until(condition);
  for (int turn = 0; turn < 100'000; ++turn) {
    runner_.Poll();
    if (condition()) return true;
    virtual_timers().Advance(1ms);
  }
  return false;
}

void RouterSuite::DeclareQueue(const std::string& queue) {
  const Status declared = Run(transport().Declare(Topology().AddQueue(queue)));
  ASSERT_TRUE(declared) << declared.error().message();
}

void RouterSuite::Publish(Message message) {
  const auto published = Run(transport().Publish(Address::Queue(queue_), std::move(message), PublishOptions()));
  ASSERT_TRUE(published) << published.error().message();
}

void RouterSuite::Start(Router& router) {
  const Status started = Run(router.Start());
  ASSERT_TRUE(started) << started.error().message();
}

void RouterSuite::Stop(Router& router, std::chrono::milliseconds deadline, std::chrono::milliseconds grace) {
  bool stopped = false;
  runner_.Spawn(
      [](Router& stopping, std::chrono::milliseconds until, std::chrono::milliseconds more, bool& done) -> Task<void> {
        co_await stopping.Stop(until, more);
        done = true;
      }(router, deadline, grace, stopped));
  ASSERT_TRUE(Until([&] { return stopped; }));
}

std::vector<Message> RouterSuite::Dead() {
  DeadLetters dead(transport(), timers());
  auto letters = Run(dead.Peek(queue_));
  EXPECT_TRUE(letters) << letters.error().message();
  return letters ? *letters : std::vector<Message>();
}

}  // namespace tidings::messaging::testing
