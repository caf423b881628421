#include "testing/router_fixture.hpp"

#include <algorithm>
#include <utility>

namespace tidings::messaging::testing {

RouterFixture::RouterFixture() { Declare(Topology().AddQueue("q").AddQueue("out")); }

void RouterFixture::Declare(const Topology& topology) {
  const Status declared = runner_.Run(transport_.Declare(topology));
  EXPECT_TRUE(declared) << declared.error().message();
}

void RouterFixture::Publish(Message message, const std::string& queue) {
  EXPECT_TRUE(runner_.Run(transport_.Publish(Address::Queue(queue), std::move(message), PublishOptions())));
}

void RouterFixture::Start(Router& router) {
  const Status started = runner_.Run(router.Start());
  ASSERT_TRUE(started) << started.error().message();
  runner_.Poll();
}

void RouterFixture::Advance(std::chrono::milliseconds by) {
  const Millis until = timers_.Steady() + by.count();
  runner_.Poll();
  while (timers_.Steady() < until) {
    const auto next = timers_.Next().value_or(by);
    timers_.Advance(
        std::clamp<std::chrono::milliseconds>(next, 1ms, std::chrono::milliseconds(until - timers_.Steady())));
    runner_.Poll();
  }
}

std::vector<Message> RouterFixture::Take(const std::string& queue) {
  std::vector<Message> messages;
  for (;;) {
    auto popped = runner_.Run(transport_.Pop(queue, 0ms));
    if (!popped || !*popped) return messages;
    messages.push_back((*popped)->message());
    EXPECT_TRUE(runner_.Run((*popped)->Ack()));
  }
}

QueueStats RouterFixture::Stats(const std::string& queue) { return *runner_.Run(transport_.Stats(queue)); }

}  // namespace tidings::messaging::testing
