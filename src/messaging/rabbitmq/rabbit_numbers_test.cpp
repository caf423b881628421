// OrderByNumber where each time that a message is given back counts against its queue's delivery limit.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/numbering.hpp>
#include <tidings/messaging/order_by_number.hpp>

#include "../testing/router_suite.hpp"
#include "testing/rabbit_environment.hpp"

namespace tidings::messaging::testing {
namespace {

class RabbitNumbers : public RouterSuite {
 protected:
  void SetUp() override {
    RouterSuite::SetUp();
    QueueOptions options;
    options.delivery_limit = 1;
    Declare(Topology().AddQueue(queue_, options));
    bounds_.gap = 10min;
  }
  void Subscribe(Router& router, const OrderByNumber& order) {
    router.Subscribe(queue_, order, Concurrency(4), Prefetch(4), [this](Context& context) -> Task<Status> {
      done_.push_back(context.message().id);
      co_return Status();
    });
  }
  void Send(const std::string& key, std::uint64_t number) {
    auto message = Message::WithId(key + std::to_string(number), "", "x");
    message.key = key;
    SetNumber(message, number);
    Publish(std::move(message));
  }
  // As if another consumer had been there.
  void HandledElsewhere(const std::string& key, std::uint64_t number) {
    auto unit = Must(Run(inbox_.Begin()));
    unit->As<NumberedUnit>().Advance(queue_, key, number, timers().Now());
    ASSERT_TRUE(Run(unit->Commit()));
  }
  bool Done(const std::string& id) const { return std::ranges::find(done_, id) != done_.end(); }

  MemoryInbox inbox_;
  NumberBounds bounds_;
  std::vector<std::string> done_;
};

// In each round one of those in hand gets on, and the others wait.
TEST_P(RabbitNumbers, RoundsOfEarlyMessagesSpendNoDeliveryLimit) {
  constexpr std::uint64_t kRounds = 3;
  const OrderByNumber order(inbox_, bounds_);
  Router router(transport(), timers());
  Subscribe(router, order);
  for (const std::uint64_t number : {2, 3, 4}) Send("stuck", number);
  Start(router);
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const std::uint64_t number = 2 * round;
    Send("busy", number);
    ASSERT_TRUE(Until([&] { return order.given_back() >= round; })) << round;
    HandledElsewhere("busy", number - 1);
    ASSERT_TRUE(Until([&] { return Done("busy" + std::to_string(number)); })) << round;
  }
  Send("stuck", 1);
  EXPECT_TRUE(Until([&] { return Done("stuck4"); }));
  Stop(router);
  std::erase_if(done_, [](const std::string& id) { return id.starts_with("busy"); });
  EXPECT_EQ(done_, (std::vector<std::string>{"stuck1", "stuck2", "stuck3", "stuck4"}));
  EXPECT_EQ(order.missed(), 0U);
  EXPECT_TRUE(Dead().empty());
}

TEST_P(RabbitNumbers, StopsSpendNoDeliveryLimitOfEarlyMessages) {
  const OrderByNumber order(inbox_, bounds_);
  Router router(transport(), timers());
  Subscribe(router, order);
  for (const std::uint64_t number : {2, 3, 4}) Send("stuck", number);
  for (int stop = 0; stop < 4; ++stop) {
    Start(router);
    ASSERT_TRUE(Until([&] { return router.stats().waiting == 3; })) << stop;
    Stop(router);
  }
  Send("stuck", 1);
  Start(router);
  EXPECT_TRUE(Until([&] { return Done("stuck4"); }));
  Stop(router);
  EXPECT_EQ(done_, (std::vector<std::string>{"stuck1", "stuck2", "stuck3", "stuck4"}));
  EXPECT_TRUE(Dead().empty());
}

INSTANTIATE_TEST_SUITE_P(Rabbit, RabbitNumbers, ::testing::Values(RabbitStraight()), CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
