// How long and how often an endpoint that fails is tried, on a clock that the test moves.
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include <tidings/app/config.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"
#include "testing/http_endpoint.hpp"
#include "testing/job_rig.hpp"
#include "webhook/webhook_job.hpp"

namespace tidings::app {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

class WebhookScheduleTest : public ::testing::Test {
 protected:
  WebhookScheduleTest() {
    const Config defaults;
    options_.data = folder_.path();
    options_.private_addresses = true;
    for (const std::string& pause : defaults.webhook.retry) options_.retry.push_back(*ParseDuration(pause));
    options_.disable_after = defaults.webhook.disable_after;
    WebhookEndpoint endpoint;
    endpoint.id = "wh_1";
    endpoint.url = hook_.Url();
    endpoint.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    EXPECT_TRUE(WriteWebhooks(folder_.path(), {endpoint}));
    kind_ = std::make_unique<WebhookKind>(options_);
    rig_.Open(folder_.File("lane.db"), *kind_);
    hook_.Answer("503 Busy\r\n");
  }
  ~WebhookScheduleTest() override {
    if (job_) rig_.Run(job_->End(10s));
  }

  void Begin(std::vector<std::string> events) {
    rig_.Write([events, now = timers_.Now()](sqlite::Database& database) {
      for (const std::string& event : events) {
        database.Slot<WebhookRows>().Add("wh_1", event, "message.created", "{}", now);
      }
    });
    job_ = rig_.MakeJob(timers_);
    job_->Begin();
  }
  WebhookState State() { return rig_.database().Slot<WebhookRows>().State("wh_1"); }
  // Until it has failed so often; the pause that it makes then.
  milliseconds PauseAfter(std::uint64_t failures) {
    rig_.Until([&] { return State().failures == failures; });
    return milliseconds(State().next_at - timers_.Now());
  }
  // Up to the next try; that there is none before.
  void Pass(milliseconds pause) {
    const std::size_t before = hook_.asked();
    timers_.Advance(pause - 1ms);
    rig_.Until([&] { return timers_.Next() == 1ms; });
    EXPECT_EQ(hook_.asked(), before);
    timers_.Advance(1ms);
    rig_.Until([&] { return hook_.asked() == before + 1; });
  }

  TempFolder folder_;
  JobRig rig_;
  HttpEndpoint hook_{rig_.context()};
  messaging::VirtualTimers timers_;
  WebhookOptions options_;
  std::unique_ptr<WebhookKind> kind_;
  std::unique_ptr<LaneJob> job_;
};

TEST_F(WebhookScheduleTest, ByDefaultADeliveryIsTriedTenTimesOverThreeDaysWithGrowingPauses) {
  const auto& pauses = options_.retry;
  EXPECT_EQ(pauses, WebhookOptions::RecommendedRetry());
  EXPECT_EQ(std::ranges::adjacent_find(pauses, std::ranges::greater_equal()), pauses.end()) << "each is longer";
  const milliseconds whole = std::accumulate(pauses.begin(), pauses.end(), milliseconds(0));
  EXPECT_EQ(whole, 75h + 35min + 5s);
  const Millis began = timers_.Now();
  Begin({"e1"});
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    const milliseconds pause = PauseAfter(i + 1);
    EXPECT_GE(pause, pauses[i]);
    EXPECT_LE(pause, pauses[i] + pauses[i] / 10);
    EXPECT_EQ(State().dead, 0U);
    Pass(pause);
  }
  rig_.Until([&] { return State().dead == 1; });
  EXPECT_EQ(State().waiting, 0U);
  EXPECT_EQ(hook_.asked(), 10U);
  EXPECT_GE(milliseconds(timers_.Now() - began), whole);
  EXPECT_LE(milliseconds(timers_.Now() - began), whole + whole / 10);
}

TEST_F(WebhookScheduleTest, WhatTheEndpointAsksForIsWaitedIfItIsMoreAndADayAtMost) {
  Begin({"e1"});
  hook_.Answer("503 Busy\r\nRetry-After: 7200\r\n");
  EXPECT_EQ(PauseAfter(1), 2h);
  hook_.Answer("429 Slowly\r\nRetry-After: 31536000\r\n");
  Pass(2h);
  EXPECT_EQ(PauseAfter(2), 24h);
  hook_.Answer("503 Busy\r\nRetry-After: 1\r\n");
  Pass(24h);
  const milliseconds third = PauseAfter(3);
  EXPECT_GE(third, 30min) << "not less than the schedule's";
  hook_.Answer("503 Busy\r\nRetry-After: soon\r\n");
  Pass(third);
  EXPECT_LE(PauseAfter(4), 132min);
  EXPECT_GE(PauseAfter(4), 2h);
  hook_.Answer("200 OK\r\n");
  Pass(PauseAfter(4));
  rig_.Until([&] { return State().delivered == 1; });
  EXPECT_EQ(State().failing_since, 0);
}

TEST_F(WebhookScheduleTest, ItMayAskByADateToo) {
  Begin({"e1"});
  hook_.Answer("503 Busy\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
  EXPECT_EQ(PauseAfter(1), 24h);
}

TEST_F(WebhookScheduleTest, AnEndpointThatHasFailedForFiveDaysIsDisabledAndWhatWaitsIsKept) {
  EXPECT_EQ(options_.disable_after, std::chrono::days(5));
  const Millis began = timers_.Now();
  Begin({"e1", "e2", "e3"});
  for (std::uint64_t failures = 1; failures < 100; ++failures) {
    const milliseconds pause = PauseAfter(failures);
    if (State().disabled_at != 0) break;
    EXPECT_LT(milliseconds(timers_.Now() - began), options_.disable_after);
    Pass(pause);
  }
  const WebhookState state = State();
  EXPECT_EQ(state.failing_since, began);
  EXPECT_GE(milliseconds(state.disabled_at - began), options_.disable_after);
  EXPECT_LE(milliseconds(state.disabled_at - began), options_.disable_after + 27h) << "at the next try";
  EXPECT_THAT(state.disabled_why, ::testing::HasSubstr("failed for too long, lastly with: status 503"));
  rig_.Until([&] { return State().waiting == 0; });
  EXPECT_EQ(State().dead, 3U);
}

}  // namespace
}  // namespace tidings::app
