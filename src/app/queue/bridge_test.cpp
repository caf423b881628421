// Bridge: it ends when nothing is left, and not because nothing can be taken just now.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidings/app/bridge.hpp>
#include <tidings/messaging/memory_transport.hpp>

#include "../../messaging/testing/task_runner.hpp"

namespace tidings::app {
namespace {

using messaging::Address;
using messaging::Message;
using messaging::PublishOptions;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class BridgeTest : public ::testing::Test {
 protected:
  BridgeTest() { EXPECT_TRUE(runner_.Run(from_.Declare(messaging::Topology().AddQueue("jobs")))); }

  void Publish(const std::string& body, milliseconds delay = milliseconds(0)) {
    PublishOptions options;
    options.delay = delay;
    ASSERT_TRUE(runner_.Run(from_.Publish(Address::Queue("jobs"), Message(body), options)));
  }
  Status Move(milliseconds most_wait) {
    BridgeOptions options;
    options.most_wait = most_wait;
    return Move(std::move(options));
  }
  Status Move(BridgeOptions options) {
    options.queues = {"jobs"};
    Bridge bridge(from_, to_, timers_, options);
    Status done = runner_.Run(bridge.Run());
    moved_ = bridge.moved();
    left_ = bridge.left();
    return done;
  }

  messaging::testing::TaskRunner runner_;
  messaging::SystemTimers timers_{runner_.executor()};
  messaging::MemoryTransport from_{runner_.executor(), timers_};
  messaging::MemoryTransport to_{runner_.executor(), timers_};
  std::uint64_t moved_ = 0;
  std::optional<std::string> left_;
};

TEST_F(BridgeTest, WaitsForWhatIsNotDueYet) {
  Publish("now");
  Publish("later", milliseconds(1'500));
  const Status done = Move(milliseconds(20'000));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(moved_, 2U);
  EXPECT_EQ(runner_.Run(to_.Stats("jobs"))->ready, 2U);
}

TEST_F(BridgeTest, SaysWhatIsLeftWithAConsumer) {
  Publish("held");
  Publish("free");
  const auto held = runner_.Run(from_.Pop("jobs", milliseconds(0)));
  ASSERT_TRUE(held && *held);
  const Status done = Move(milliseconds(300));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("1 left in jobs"));
  EXPECT_EQ(moved_, 1U);
}

TEST_F(BridgeTest, EndsWellWithItsTurnAndSaysWhatIsLeft) {
  Publish("now");
  Publish("later", milliseconds(60'000));
  BridgeOptions options;
  options.turn = milliseconds(50);
  const Status done = Move(options);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(moved_, 1U);
  EXPECT_EQ(left_, "1 left in jobs");
}

TEST_F(BridgeTest, LeavesAQueueToItsConsumers) {
  const auto consumer = runner_.Run(from_.Consume("jobs", messaging::ConsumeOptions()));
  ASSERT_TRUE(consumer);
  Publish("theirs");
  BridgeOptions options;
  options.turn = milliseconds(50);
  options.leave_consumed = true;
  const Status done = Move(options);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(moved_, 0U);
  EXPECT_EQ(left_, "1 left in jobs");
}

}  // namespace
}  // namespace tidings::app
