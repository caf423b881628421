#include <tidings/messaging/circuit_breaker.hpp>
#include <tidings/messaging/cloud_events.hpp>
#include <tidings/messaging/failure_log.hpp>
#include <tidings/messaging/handler_metrics.hpp>
#include <tidings/messaging/throttle.hpp>
#include <tidings/messaging/timeout.hpp>
#include <tidings/messaging/trace_context.hpp>

#include <gmock/gmock.h>

#include <tidings/base/log.hpp>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

class ThrottleTest : public RouterFixture {};

TEST_F(ThrottleTest, LetsABurstThroughAndThenSoManyASecond) {
  std::vector<Millis> at;
  const Millis begin = timers_.Steady();
  router_.Subscribe("q", Throttle(10, 2), [&](Context& context) -> Task<void> {
    at.push_back(context.timers().Steady() - begin);
    co_return;
  });
  Start(router_);
  for (int i = 0; i < 5; ++i) Publish(Message("x"));
  Advance(1s);
  EXPECT_THAT(at, ::testing::ElementsAre(0, 0, 100, 200, 300));
  for (int i = 0; i < 3; ++i) Publish(Message("x"));
  Advance(100ms);
  EXPECT_THAT(at, ::testing::ElementsAre(0, 0, 100, 200, 300, 1'000, 1'000, 1'100));
  runner_.Run(router_.Stop());
}

TEST_F(ThrottleTest, ReturnsWhatWaitsWhenTheRouterDrains) {
  router_.Subscribe("q", Throttle(0.001), [](Context&) -> Task<void> { co_return; });
  Start(router_);
  for (int i = 0; i < 3; ++i) Publish(Message("x"));
  runner_.Poll();
  runner_.Run(router_.Stop());
  EXPECT_EQ(router_.stats().done, 1U);
  EXPECT_EQ(router_.stats().returned, 2U);
  EXPECT_EQ(Stats().ready, 2U);
}

class CircuitBreakerTest : public RouterFixture {};

TEST_F(CircuitBreakerTest, RestsProbesAndGoesOnWithoutFailingWhatWaits) {
  bool down = true;
  std::vector<Millis> tried;
  const Millis begin = timers_.Steady();
  const CircuitBreaker breaker(2, 10s);
  router_.Subscribe("q", breaker, Concurrency(4), Retry::Never(), [&](Context& context) -> Task<Status> {
    tried.push_back(context.timers().Steady() - begin);
    if (down) co_return Fail(ErrorCode::kUnavailable, "down");
    co_return Status();
  });
  Start(router_);
  for (int i = 0; i < 10; ++i) Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(breaker.state(), CircuitBreaker::State::kOpen);
  EXPECT_EQ(router_.stats().buried, 2U);
  EXPECT_EQ(Stats().unsettled, 4U) << "no more is taken than it may handle at once";
  Advance(10s);
  EXPECT_EQ(router_.stats().buried, 3U) << "the probe";
  EXPECT_EQ(breaker.opened(), 2U);
  down = false;
  Advance(9'999ms);
  EXPECT_EQ(router_.stats().done, 0U);
  Advance(1ms);
  EXPECT_EQ(router_.stats().done, 7U);
  EXPECT_EQ(breaker.state(), CircuitBreaker::State::kClosed);
  EXPECT_THAT(tried, ::testing::ElementsAre(0, 0, 10'000, 20'000, 20'000, 20'000, 20'000, 20'000, 20'000, 20'000));
  runner_.Run(router_.Stop());
}

TEST_F(CircuitBreakerTest, IsNotOpenedByMessagesThatAreAtFaultThemselves) {
  const CircuitBreaker breaker(2, 10s);
  router_.Subscribe("q", breaker, [](Context& context) -> Task<Status> { co_return context.Reject("bad"); });
  Start(router_);
  for (int i = 0; i < 5; ++i) Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(breaker.opened(), 0U);
  EXPECT_EQ(router_.stats().buried, 5U);
  runner_.Run(router_.Stop());
}

TEST_F(CircuitBreakerTest, DrainsWhileItIsOpen) {
  router_.Subscribe("q", CircuitBreaker(1, 1h), Retry::Never(),
                    [](Context&) -> Task<Status> { co_return Fail(ErrorCode::kUnavailable, "down"); });
  Start(router_);
  for (int i = 0; i < 5; ++i) Publish(Message("x"));
  runner_.Poll();
  runner_.Run(router_.Stop());
  EXPECT_EQ(Stats().ready, 4U);
}

class TimeoutTest : public RouterFixture {};

TEST_F(TimeoutTest, CancelsTheHandlerAndCountsAFailure) {
  bool went_on = false;
  const Timeout timeout(2s);
  router_.Subscribe("q", timeout, Retry::Never(), [&](Context& context) -> Task<void> {
    co_await context.timers().Sleep(1h);
    went_on = true;
  });
  Start(router_);
  Publish(Message("x"));
  Advance(1'999ms);
  EXPECT_EQ(router_.stats().handling, 1U);
  Advance(1ms);
  EXPECT_FALSE(went_on);
  EXPECT_EQ(timeout.expired(), 1U);
  runner_.Run(router_.Stop());
  const auto dead = Take("q.dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathError), "the handler took longer than 2000 ms");
}

TEST_F(TimeoutTest, LeavesAQuickOneAloneAndPassesOnWhatItThrows) {
  router_.Subscribe("q", Timeout(2s), Retry::Never(), [&](Context& context) -> Task<void> {
    co_await context.timers().Sleep(1s);
    if (context.message().body == "bad") throw std::runtime_error("bad");
  });
  Start(router_);
  Publish(Message("good"));
  Publish(Message("bad"));
  Advance(1s);
  EXPECT_EQ(router_.stats().done, 1U);
  EXPECT_EQ(router_.stats().buried, 1U);
  EXPECT_FALSE(timers_.Next()) << "the alarm is taken back";
  runner_.Run(router_.Stop());
}

TEST_F(TimeoutTest, ItsSignalLivesAsLongAsAsioLooksAtIt) {
  router_.Subscribe("q", Timeout(2s), [](Context&) -> Task<void> { co_return; });
  ASSERT_TRUE(runner_.Run(router_.Start()));
  for (int i = 0; i < 20; ++i) Publish(Message("x"));
  // One handler at a time: Asio keeps no memory between them that would hide a use after its end.
  ASSERT_TRUE(runner_.Until([&] { return router_.stats().done == 20; }));
  runner_.Run(router_.Stop());
  runner_.RunFor(20ms);
}

TEST_F(TimeoutTest, ADrainCancelsThroughIt) {
  router_.Subscribe("q", Timeout(1h), [&](Context& context) -> Task<void> { co_await context.timers().Sleep(2h); });
  Start(router_);
  Publish(Message("x"));
  runner_.Poll();
  runner_.Run(router_.Stop(0ms, 1s));
  EXPECT_EQ(router_.stats().abandoned, 0U);
  EXPECT_EQ(router_.stats().returned, 1U);
  EXPECT_EQ(Stats().ready, 1U);
}

TEST(TraceParent, ReadsAndWrites) {
  const std::string text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto parent = TraceParent::Parse(text);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->Text(), text);
  EXPECT_TRUE(parent->sampled());
  const TraceParent child = parent->Child();
  EXPECT_EQ(child.trace_id(), parent->trace_id());
  EXPECT_NE(child.span_id(), parent->span_id());
  EXPECT_TRUE(child.sampled());
  EXPECT_TRUE(TraceParent::Parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
  for (const std::string_view wrong : {
           "",
           "00",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
       }) {
    EXPECT_FALSE(TraceParent::Parse(wrong)) << wrong;
  }
}

class SendingTest : public RouterFixture {};

TEST_F(SendingTest, EachHandlingIsASpanOfItsMessagesTrace) {
  std::string own;
  router_.Use(std::make_shared<TraceContext>());
  router_.Use(std::make_shared<CloudEvents>("/orders"));
  router_.Subscribe("q", [&](Context& context) -> Task<Outgoing> {
    own = context.trace_parent();
    Message message = context.Follow("order.paid", "1");
    message.key = "7";
    co_return Outgoing(Address::Queue("out"), std::move(message));
  });
  Start(router_);
  Message message("order.created", "1");
  message.headers.Set(header::kTraceParent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  Publish(std::move(message));
  runner_.Poll();
  const auto out = Take("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].headers.Get(header::kTraceParent), own);
  EXPECT_EQ(TraceParent::Parse(own)->trace_id(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(TraceParent::Parse(own)->span_id(), "b7ad6b7169203331");
  const auto event = CloudEvents::Read(out[0]);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->id, out[0].id);
  EXPECT_EQ(event->source, "/orders");
  EXPECT_EQ(event->type, "order.paid");
  EXPECT_EQ(event->subject, "7");
  EXPECT_EQ(event->time, FormatTime(timers_.Now()));
  Publish(Message("no trace"));
  runner_.Poll();
  EXPECT_TRUE(TraceParent::Parse(Take("out").at(0).headers.Get(header::kTraceParent)));
  runner_.Run(router_.Stop());
}

TEST(CloudEvents, ReadsOnlyWhatIsOne) {
  Message message("x");
  EXPECT_FALSE(CloudEvents::Read(message));
  CloudEvents("/a").Stamp(message, 0);
  EXPECT_TRUE(CloudEvents::Read(message));
  EXPECT_EQ(message.headers.Get("cloudEvents:type"), "message");
  message.headers.Set("cloudEvents:specversion", "0.3");
  EXPECT_FALSE(CloudEvents::Read(message));
}

class MetricsTest : public RouterFixture {};

TEST_F(MetricsTest, CountsOutcomesAndDurationsByHandler) {
  const auto metrics = std::make_shared<HandlerMetrics>();
  router_.Use(metrics);
  router_.Subscribe("q", Named("mail\"er"), Retry().Immediate(1), [](Context& context) -> Task<Status> {
    co_await context.timers().Sleep(20ms);
    if (context.message().body == "bad") co_return Fail(ErrorCode::kInternal, "bad");
    co_return Status();
  });
  Start(router_);
  Publish(Message("good"));
  Publish(Message("bad"));
  Advance(10ms);
  const auto key = HandlerMetrics::Key("q", "mail\"er");
  EXPECT_EQ(metrics->snapshots().at(key).handling, 2U);
  Advance(1s);
  const HandlerMetrics::Snapshot& snapshot = metrics->snapshots().at(key);
  EXPECT_EQ(snapshot.handling, 0U);
  EXPECT_EQ(snapshot.done, 1U);
  EXPECT_EQ(snapshot.failed, 2U);
  EXPECT_EQ(snapshot.retried, 1U);
  EXPECT_EQ(snapshot.buried, 1U);
  EXPECT_EQ(snapshot.durations[4], 3U) << "10 to 25 ms";
  EXPECT_EQ(snapshot.duration_sum, 60U);
  const std::string text = metrics->Prometheus();
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "tidings_messages_handled_total{queue=\"q\",handler=\"mail\\\"er\",outcome=\"buried\"} 1\n"));
  EXPECT_THAT(text,
              ::testing::HasSubstr("handling_seconds_bucket{queue=\"q\",handler=\"mail\\\"er\",le=\"0.025\"} 3\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("handling_seconds_sum{queue=\"q\",handler=\"mail\\\"er\"} 0.06\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("handling_seconds_count{queue=\"q\",handler=\"mail\\\"er\"} 3\n"));
  runner_.Run(router_.Stop());
}

class FailureLogTest : public RouterFixture {};

TEST_F(FailureLogTest, WritesSoManyLinesASecond) {
  log::SetLevel(log::Level::kOff);
  const auto failures = std::make_shared<FailureLog>(timers_.clock(), 1, 3);
  router_.Use(failures);
  router_.Subscribe("q", Retry::Never(), [](Context&) -> Task<Status> { co_return Fail(ErrorCode::kInternal, "bad"); });
  Start(router_);
  for (int i = 0; i < 10; ++i) Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(failures->written(), 3U);
  EXPECT_EQ(failures->suppressed(), 7U);
  Advance(1s);
  Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(failures->written(), 4U);
  runner_.Run(router_.Stop());
  log::SetLevel(log::Level::kInfo);
}

}  // namespace
}  // namespace tidings::messaging
