#include "webhook/webhook_kind.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"
#include "webhook/webhook_job.hpp"

namespace tidings::app {
namespace {

constexpr std::size_t kLanes = 4;

messaging::Message Event(const std::string& type) {
  auto event = messaging::Message::WithId("e1", type, R"({"_id":"m"})");
  event.key = "room";
  event.headers.Set("seq", "7");
  event.headers.Set("cloudEvents:time", "2026-11-26T10:00:00.000Z");
  return event;
}

class WebhookKindTest : public ::testing::Test {
 protected:
  WebhookKindTest() { EXPECT_TRUE(MakeFolder(WorkerFolder(folder_.path(), "webhook"))); }

  void Write(const std::vector<std::pair<std::string, std::string>>& endpoints) {
    WebhookEndpoints all;
    for (const auto& [id, type] : endpoints) {
      WebhookEndpoint endpoint;
      endpoint.id = id;
      endpoint.url = "https://shop.example/";
      endpoint.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
      endpoint.types = {type};
      all.push_back(std::move(endpoint));
    }
    ASSERT_TRUE(WriteWebhooks(folder_.path(), all));
  }
  std::map<std::size_t, messaging::Message> Split(const messaging::Message& event) {
    WebhookOptions options;
    options.data = folder_.path();
    auto pieces = WebhookKind(std::move(options)).Split(event, kLanes);
    EXPECT_TRUE(pieces);
    std::map<std::size_t, messaging::Message> by_lane;
    for (LanePiece& piece : *pieces) EXPECT_TRUE(by_lane.emplace(piece.lane, std::move(piece.message)).second);
    return by_lane;
  }

  TempFolder folder_;
};

TEST_F(WebhookKindTest, WithoutEndpointsNothingIsSplit) { EXPECT_TRUE(Split(Event("message.created")).empty()); }

TEST_F(WebhookKindTest, WhileTheEndpointsWereNeverReadAnEventIsToComeAgain) {
  std::filesystem::create_directory(WebhookFile(folder_.path()));
  WebhookOptions options;
  options.data = folder_.path();
  WebhookKind kind(std::move(options));
  const auto pieces = kind.Split(Event("message.created"), kLanes);
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().code(), ErrorCode::kUnavailable);
  std::filesystem::remove(WebhookFile(folder_.path()));
  Write({{"wh_1", "#"}});
  const auto again = kind.Split(Event("message.created"), kLanes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), 1U);
}

TEST_F(WebhookKindTest, EachLaneWithEndpointsGetsEveryNumberAndThoseThatWantIt) {
  std::vector<std::pair<std::string, std::string>> endpoints;
  for (int i = 0; i < 20; ++i) endpoints.emplace_back("wh_" + std::to_string(100 + i), i % 2 == 0 ? "#" : "room.*");
  Write(endpoints);
  const auto pieces = Split(Event("message.created"));
  std::map<std::size_t, std::string> expected;
  std::map<std::size_t, std::string> oldest;
  for (const auto& [id, type] : endpoints) {
    const std::size_t lane = LaneOf(id, kLanes);
    oldest.try_emplace(lane, id);
    if (type == "#") expected[lane] += (expected[lane].empty() ? "" : " ") + id;
  }
  ASSERT_EQ(pieces.size(), oldest.size());
  for (const auto& [lane, piece] : pieces) {
    EXPECT_EQ(piece.id, "e1." + std::to_string(lane));
    EXPECT_EQ(piece.key, "room." + oldest[lane]);
    EXPECT_EQ(piece.headers.Number("seq"), 7U);
    EXPECT_EQ(piece.headers.Get(kWebhookEventHeader), "e1");
    EXPECT_EQ(piece.body.substr(0, piece.body.find('\n')), expected[lane]);
    if (!piece.body.empty()) {
      EXPECT_THAT(piece.body, ::testing::HasSubstr("\n{\"type\":\"message.created\""));
    }
  }
}

TEST_F(WebhookKindTest, WhereNobodyWantsItThePieceIsItsNumber) {
  Write({{"wh_1", "room.*"}});
  const auto pieces = Split(Event("message.created"));
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces.begin()->second.body, "");
  EXPECT_EQ(pieces.begin()->second.headers.Number("seq"), 7U);
}

}  // namespace
}  // namespace tidings::app
