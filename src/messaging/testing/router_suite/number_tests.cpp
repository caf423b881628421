// Order by number on every transport: over consumers that die, and from whatever order a queue has.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/numbering.hpp>
#include <tidings/messaging/order_by_number.hpp>

#include "testing/router_suite.hpp"

namespace tidings::messaging::testing {
namespace {

using Bodies = std::map<std::string, std::vector<std::string>>;

constexpr int kNumberedKeys = 3;

// The nth message over all keys: body "n", numbered within its key.
Message Nth(int n, const std::string& queue) {
  const std::string key = "key" + std::to_string(n % kNumberedKeys);
  auto message = Message::WithId(queue + "-" + std::to_string(n), "", std::to_string(n));
  message.key = key;
  SetNumber(message, static_cast<std::uint64_t>(n / kNumberedKeys) + 1);
  return message;
}

Bodies InOrder(int count) {
  Bodies bodies;
  for (int n = 0; n < count; ++n) bodies[Nth(n, "").key].push_back(std::to_string(n));
  return bodies;
}

auto Writes(Bodies& bodies) {
  return [&bodies](Context& context) -> Task<Status> {
    co_await context.timers().Sleep(1ms);
    const Message& message = context.message();
    context.unit()->As<MemoryUnit>().OnCommit(
        [&bodies, key = message.key, body = message.body] { bodies[key].push_back(body); });
    co_return Status();
  };
}

// What there is without numbers.
class InOrderOfArrival {
 public:
  explicit InOrderOfArrival(Inbox& inbox) : inbox_(inbox) {}
  void AddTo(HandlerSettings& settings) const {
    Idempotent(inbox_).AddTo(settings);
    OrderByKey().AddTo(settings);
  }

 private:
  Inbox& inbox_;
};

std::size_t Size(const Bodies& bodies) {
  std::size_t size = 0;
  for (const auto& [key, of] : bodies) size += of.size();
  return size;
}

TEST_P(RouterSuite, NumbersKeepTheOrderOverAConsumerThatDies) {
  if (!capabilities().single_active || !features().several) GTEST_SKIP() << "no single-active queues";
  constexpr int kCount = 60;
  MemoryInbox inbox;
  // What is handled, by a router with this option, after a consumer died with five messages in hand and three on their way.
  const auto handled = [&](const auto& option) {
    Bodies bodies;
    queue_ = Name("router");
    QueueOptions single_active;
    single_active.single_active = true;
    EXPECT_TRUE(Run(transport().Declare(Topology().AddQueue(queue_, single_active))));
    for (int n = 0; n < kCount; ++n) Publish(Nth(n, queue_));
    auto dying = Open();
    ConsumeOptions options(8);
    options.lease = 4 * unit();
    auto active = Must(Run(dying->Consume(queue_, options)));
    std::vector<Delivery> held;
    for (int i = 0; i < 5; ++i) held.push_back(Must(Run(active->Next())));
    Router router(transport(), timers());
    router.Subscribe(queue_, option, Concurrency(4), Prefetch(8), Lease(lease()), Writes(bodies));
    Start(router);
    environment().Abandon(std::move(dying));
    EXPECT_TRUE(Until([&] { return Size(bodies) == kCount; }));
    Stop(router);
    EXPECT_TRUE(Dead().empty());
    return bodies;
  };
  const OrderByNumber order(inbox);
  EXPECT_EQ(handled(order), InOrder(kCount));
  EXPECT_EQ(order.missed(), 0U);
  if (features().succession) return;
  EXPECT_NE(handled(InOrderOfArrival(inbox)), InOrder(kCount)) << "this broker kept the order by itself";
}

TEST_P(RouterSuite, NumbersFindWhatLiesBehindMoreThanThePrefetch) {
  constexpr int kCount = 30;
  DeclareQueue(queue_);
  // Before anything of it comes in order, all of it lies there in the reverse order.
  for (int n = kCount - 1; n >= 0; --n) Publish(Nth(n, queue_));
  MemoryInbox inbox;
  Bodies bodies;
  NumberBounds bounds;
  bounds.gap = 10min;
  const OrderByNumber order(inbox, bounds);
  Router router(transport(), timers());
  router.Subscribe(queue_, order, Concurrency(4), Prefetch(12), Lease(lease()), Writes(bodies));
  Start(router);
  ASSERT_TRUE(Until([&] { return Size(bodies) == kCount; }));
  Stop(router);
  EXPECT_EQ(bodies, InOrder(kCount));
  EXPECT_GT(order.given_back(), 0U);
  EXPECT_TRUE(Dead().empty());
}

TEST_P(RouterSuite, NumbersKeepTheOrderAmongConsumersThatCompete) {
  constexpr int kCount = 45;
  DeclareQueue(queue_);
  for (int n = 0; n < kCount; ++n) Publish(Nth(n, queue_));
  MemoryInbox inbox;
  Bodies bodies;
  const OrderByNumber order(inbox);
  Router first(transport(), timers());
  Router second(transport(), timers());
  for (Router* const router : {&first, &second}) {
    router->Subscribe(queue_, order, Concurrency(4), Prefetch(4), Lease(lease()), Writes(bodies));
    Start(*router);
  }
  ASSERT_TRUE(Until([&] { return Size(bodies) == kCount; }));
  Stop(first);
  Stop(second);
  EXPECT_EQ(bodies, InOrder(kCount));
  EXPECT_EQ(order.missed(), 0U);
}

}  // namespace
}  // namespace tidings::messaging::testing
