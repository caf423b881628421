#include <tidings/app/analytics.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>

#include <tidings/base/json.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "analytics/analytics_kind.hpp"
#include "folder.hpp"
#include "testing/job_rig.hpp"

namespace tidings::app {
namespace {

using std::chrono::milliseconds;

class AnalyticsTest : public ::testing::Test {
 protected:
  AnalyticsTest() {
    const auto folder = WorkerFolder(folder_.path(), "analytics");
    EXPECT_TRUE(MakeFolder(folder));
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      lanes_[lane].Open(folder / ("lane-" + std::to_string(lane) + ".db"), kind_);
      jobs_[lane] = lanes_[lane].MakeJob(timers_);
    }
  }
  // A message that was sent so long ago.
  void Count(std::size_t lane, const std::string& room, milliseconds ago) {
    auto event = messaging::Message::WithId("e" + std::to_string(++seq_), "message.created", R"({"created_by":"ann"})");
    event.key = room;
    event.headers.Set("seq", std::to_string(seq_));
    event.headers.Set("cloudEvents:time", FormatTime(timers_.Now() - ago.count()));
    lanes_[lane].Handle(*jobs_[lane], event);
  }
  // "messages p50 p95 p99 max".
  static std::string Figures(const json::value& counted) {
    const auto& latency = counted.at("latencyMs");
    std::string text = json::serialize(counted.at("messages"));
    for (const char* key : {"p50", "p95", "p99", "max"}) text += ' ' + json::serialize(latency.at(key));
    return text;
  }

  TempFolder folder_;
  messaging::VirtualTimers timers_;
  AnalyticsKind kind_;
  std::array<JobRig, 2> lanes_;
  std::array<std::unique_ptr<LaneJob>, 2> jobs_;
  std::uint64_t seq_ = 0;
};

TEST_F(AnalyticsTest, LatencyIsToldForTheWholeForEachHourAndForEachRoom) {
  const Millis began = timers_.Now();
  for (const int ago : {3, 8, 30}) Count(0, "busy", milliseconds(ago));
  Count(1, "quiet", milliseconds(20'000));
  timers_.Advance(std::chrono::hours(1));
  Count(0, "busy", milliseconds(700));
  const auto answer = AskAnalytics(folder_.path(), began - 3'600'000, timers_.Now() + 1, "");
  ASSERT_TRUE(answer) << answer.error().message();
  const auto all = json::Parse(*answer);
  ASSERT_TRUE(all);
  // The bound below which so many lie, and no more than the slowest.
  EXPECT_EQ(Figures(*all), "5 50 20000 20000 20000");
  const auto& hours = all->at("hours").get_array();
  ASSERT_EQ(hours.size(), 2U);
  EXPECT_EQ(Figures(hours[0]), "4 10 20000 20000 20000");
  EXPECT_EQ(Figures(hours[1]), "1 700 700 700 700");
  const auto& rooms = all->at("rooms").get_array();
  ASSERT_EQ(rooms.size(), 2U);
  EXPECT_EQ(rooms[0].at("room"), "busy");
  EXPECT_EQ(Figures(rooms[0]), "4 10 700 700 700");
  EXPECT_EQ(rooms[1].at("room"), "quiet");
  EXPECT_EQ(Figures(rooms[1]), "1 20000 20000 20000 20000");
  const auto one = AskAnalytics(folder_.path(), began - 3'600'000, timers_.Now() + 1, "quiet");
  ASSERT_TRUE(one);
  EXPECT_EQ(Figures(*json::Parse(*one)), "1 20000 20000 20000 20000");
}

}  // namespace
}  // namespace tidings::app
