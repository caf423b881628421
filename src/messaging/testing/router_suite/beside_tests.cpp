// What stands beside a Router or on it, on every transport: requests, topics, inboxes, batches.
#include "testing/router_suite.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/batch.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/requester.hpp>
#include <tidings/messaging/responder.hpp>
#include <tidings/messaging/topic.hpp>

namespace tidings::messaging::testing {
namespace {

TEST_P(RouterSuite, WhatFollowsBearsCorrelationAndCausation) {
  const std::string next = Name("next");
  DeclareQueue(queue_);
  DeclareQueue(next);
  Router router(transport(), timers());
  router.Subscribe(queue_, [&](Context& context) -> Task<Outgoing> {
    co_return Outgoing(Address::Queue(next), context.Follow("second", context.message().body));
  });
  Message end;
  router.Subscribe(next, [&](Context& context) -> Task<Status> {
    end = context.message();
    co_return context.Reject("the end");
  });
  Start(router);
  Message first("first", "x");
  const std::string id = first.id;
  first.headers.Set(header::kTraceParent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  Publish(std::move(first));
  ASSERT_TRUE(Until([&] { return router.stats().buried == 1; }));
  Stop(router);
  EXPECT_EQ(end.headers.Get(header::kCorrelationId), id);
  EXPECT_EQ(end.headers.Get(header::kCausationId), id);
  EXPECT_EQ(end.headers.Get(header::kTraceParent), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  queue_ = next;
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "rejected");
  EXPECT_EQ(dead[0].headers.Get(header::kCorrelationId), id);
}

TEST_P(RouterSuite, AMessageThatComesAgainHasItsEffectOnce) {
  DeclareQueue(queue_);
  MemoryInbox inbox;
  int effect = 0;
  const Idempotent once(inbox);
  Router router(transport(), timers());
  router.Subscribe(queue_, once, [&](Context& context) -> Task<Status> {
    context.unit()->As<MemoryUnit>().OnCommit([&] { ++effect; });
    // The first try fails after it did its work.
    if (context.attempt() == 1) co_return Fail(ErrorCode::kUnavailable, "after the effect");
    co_return Status();
  });
  Start(router);
  const Message message("pay", "10");
  for (int i = 0; i < 5; ++i) Publish(message);
  ASSERT_TRUE(Until([&] { return router.stats().done == 5; }));
  Stop(router);
  EXPECT_EQ(effect, 1);
  EXPECT_EQ(once.repeats(), 4U);
}

TEST_P(RouterSuite, RequestsAreAnsweredByOneOfManyResponders) {
  DeclareQueue(queue_);
  Router first(transport(), timers());
  Router second(transport(), timers());
  const Responder twice([](const Message& question) -> Task<Result<std::string>> {
    if (question.body == "bad") co_return Fail(ErrorCode::kInvalid, "no number");
    co_return std::to_string(2 * std::stoi(question.body));
  });
  first.Subscribe(queue_, Prefetch(1), twice);
  second.Subscribe(queue_, Prefetch(1), twice);
  Start(first);
  Start(second);
  Requester requester(transport(), timers());
  ASSERT_TRUE(Run(requester.Start()));
  int right = 0;
  for (int i = 0; i < 20; ++i) {
    runner_.Spawn([](Requester& from, std::string queue, int number, int& count) -> Task<void> {
      Message question("twice", std::to_string(number));
      Address to = Address::Queue(std::move(queue));
      const auto reply = co_await from.Request(std::move(to), std::move(question), 60s);
      if (reply && reply->body == std::to_string(2 * number)) ++count;
    }(requester, queue_, i, right));
  }
  ASSERT_TRUE(Until([&] { return right == 20; }));
  const auto bad = Run(requester.Request(Address::Queue(queue_), Message("twice", "bad"), 60s));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(bad.error().message(), "no number");
  EXPECT_EQ(requester.stats().replies, 21U);
  Run(requester.Stop());
  Stop(first);
  Stop(second);
}

TEST_P(RouterSuite, RepliesThatNobodyWaitsForAreCounted) {
  RequesterOptions options;
  options.ledger = &ledger();
  Requester requester(transport(), timers(), options);
  ASSERT_TRUE(Run(requester.Start()));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Run(transport().Publish(Address::Queue(requester.reply_queue()), Message("stray"))));
  }
  EXPECT_TRUE(Until([&] { return requester.stats().unknown == 3; }));
  EXPECT_EQ(ledger().Of(LossCause::kUnclaimed), 3U);
  Run(requester.Stop());
}

TEST_P(RouterSuite, AListenerOfATopicGetsWhatFitsWhileItIsThere) {
  if (!capabilities().exchanges) GTEST_SKIP() << "this transport has no exchanges";
  Topic topic(transport(), queue_);
  Declare(topic.topology());
  ASSERT_TRUE(Run(topic.Publish(Message("a.b", "before"))));
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U);
  const auto listener = Must(Run(topic.Listen("a.*")));
  ASSERT_TRUE(Run(topic.Publish(Message("a.b", "1"))));
  ASSERT_TRUE(Run(topic.Publish(Message("b.b", "2"))));
  ASSERT_TRUE(Run(topic.Publish(Message("other", "3"), "a.c")));
  EXPECT_EQ(Must(Run(listener->Next())).message().body, "1");
  EXPECT_EQ(Must(Run(listener->Next())).message().body, "3");
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 2U);
  Run(listener->Stop());
  EXPECT_FALSE(Run(listener->Next()));
}

TEST_P(RouterSuite, EachGroupOfATopicGetsEverythingAndSharesIt) {
  if (!capabilities().exchanges) GTEST_SKIP() << "this transport has no exchanges";
  Topic topic(transport(), queue_);
  Topology topology = topic.topology();
  const std::string mail = topic.AddGroup(topology, "mail", "order.created");
  const std::string all = topic.AddGroup(topology, "all", "order.*");
  names_.push_back(mail);
  names_.push_back(all);
  ASSERT_TRUE(Run(transport().Declare(topology)));
  int mails = 0;
  int analytics = 0;
  const auto count = [](int& counter) {
    return [&counter](Context&) -> Task<void> {
      ++counter;
      co_return;
    };
  };
  Router router(transport(), timers());
  router.Subscribe(mail, count(mails));
  router.Subscribe(all, Named("first"), count(analytics));
  router.Subscribe(all, Named("second"), count(analytics));
  Start(router);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Run(topic.Publish(Message("order.created", "x"))));
    ASSERT_TRUE(Run(topic.Publish(Message("order.paid", "x"))));
    ASSERT_TRUE(Run(topic.Publish(Message("invoice.paid", "x"))));
  }
  ASSERT_TRUE(Until([&] { return router.stats().done == 30; }));
  Stop(router);
  EXPECT_EQ(mails, 10);
  EXPECT_EQ(analytics, 20);
}

TEST_P(RouterSuite, BatchesAreSettledEachMessageByItself) {
  DeclareQueue(queue_);
  std::vector<std::size_t> sizes;
  Router router(transport(), timers());
  router.Subscribe(queue_, Retry::Never(),
                   Batch(4, 50ms, [&](const std::vector<Message>& batch) -> Task<std::vector<Status>> {
                     sizes.push_back(batch.size());
                     std::vector<Status> results;
                     for (const Message& message : batch) {
                       results.push_back(message.body == "bad" ? Fail(ErrorCode::kInvalid, "bad") : Status());
                     }
                     co_return results;
                   }));
  for (const char* const body : {"a", "b", "bad", "c", "d"}) Publish(Message(body));
  Start(router);
  ASSERT_TRUE(Until([&] { return router.stats().done == 4 && router.stats().buried == 1; }));
  Stop(router);
  EXPECT_LE(*std::ranges::max_element(sizes), 4U);
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].body, "bad");
}

}  // namespace
}  // namespace tidings::messaging::testing
