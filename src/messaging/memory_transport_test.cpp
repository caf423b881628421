#include <tidings/messaging/memory_transport.hpp>

#include <gtest/gtest.h>

#include "testing/task_runner.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;

class MemoryTransportTest : public ::testing::Test {
 protected:
  testing::TaskRunner runner_;
  VirtualTimers timers_;
  LossLedger ledger_;
  MemoryTransport transport_{runner_.executor(), timers_, MemoryOptions(&ledger_)};
};

TEST_F(MemoryTransportTest, HandsOutWhatWasPublishedInOrder) {
  ASSERT_TRUE(runner_.Run(transport_.Declare(Topology().AddQueue("jobs"))));
  const auto consumer = runner_.Run(transport_.Consume("jobs", ConsumeOptions(2)));
  ASSERT_TRUE(consumer);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(runner_.Run(transport_.Publish(Address::Queue("jobs"), Message(std::to_string(i)), PublishOptions())));
  }
  for (int i = 0; i < 200; ++i) {
    auto delivery = runner_.Run((*consumer)->Next());
    ASSERT_TRUE(delivery);
    EXPECT_EQ(delivery->message().body, std::to_string(i));
    EXPECT_TRUE(runner_.Run(delivery->Ack()));
  }
  EXPECT_EQ(runner_.Run(transport_.Stats("jobs"))->unsettled, 0U);
}

}  // namespace
}  // namespace tidings::messaging
