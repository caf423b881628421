#include "webhook/endpoint.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <tidings/app/webhooks.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

using ::testing::HasSubstr;

class WebhookEndpointTest : public ::testing::Test {
 protected:
  WebhookEndpointTest() { EXPECT_TRUE(MakeFolder(WorkerFolder(folder_.path(), "webhook"))); }

  std::filesystem::path file() const { return WebhookFile(folder_.path()); }
  void Write(const std::vector<std::string>& ids) {
    WebhookEndpoints all;
    for (const std::string& id : ids) {
      WebhookEndpoint endpoint;
      endpoint.id = id;
      endpoint.url = "https://shop.example/";
      all.push_back(std::move(endpoint));
    }
    ASSERT_TRUE(WriteWebhooks(folder_.path(), all));
  }
  // It is there, and no user may look at it.
  void Loop() {
    std::filesystem::remove_all(file());
    std::filesystem::create_symlink(file(), file());
  }
  // It may be looked at, not read.
  void Unreadable() {
    std::filesystem::remove_all(file());
    std::filesystem::create_directory(file());
  }

  TempFolder folder_;
};

TEST_F(WebhookEndpointTest, AFileThatCannotBeReadIsNotOneWithoutEndpoints) {
  ASSERT_TRUE(ReadWebhooks(folder_.path())) << "without a file there are none";
  Loop();
  EXPECT_EQ(ReadWebhooks(folder_.path()).error().code(), ErrorCode::kUnavailable);
  Unreadable();
  EXPECT_EQ(ReadWebhooks(folder_.path()).error().code(), ErrorCode::kUnavailable);
  std::filesystem::remove(file());
  for (const char* text : {"", "[", "{}", "[{}]", R"([{"_id":"wh_1","enabled":1}])"}) {
    std::ofstream(file()) << text;
    const auto read = ReadWebhooks(folder_.path());
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::kInternal) << text;
    EXPECT_THAT(read.error().message(), HasSubstr("endpoints.json is damaged"));
  }
}

TEST_F(WebhookEndpointTest, WhatIsNotReadLeavesWhatWasKnownAndIsReadLater) {
  WebhookWatch watch(folder_.path());
  Loop();
  EXPECT_EQ(watch.Now(), nullptr);
  EXPECT_FALSE(watch.sure());
  std::filesystem::remove(file());
  ASSERT_NE(watch.Now(), nullptr) << "no file: none were made";
  EXPECT_TRUE(watch.Now()->empty());
  EXPECT_FALSE(watch.sure()) << "what is not there says nothing of what was removed";

  Write({"wh_1", "wh_2"});
  ASSERT_EQ(watch.Now()->size(), 2U);
  EXPECT_TRUE(watch.sure());
  const auto knows_still = [&] { return watch.Now()->size() == 2 && !watch.sure(); };
  Loop();
  EXPECT_TRUE(knows_still());
  Unreadable();
  EXPECT_TRUE(knows_still());
  std::filesystem::remove(file());
  EXPECT_TRUE(knows_still());
  std::ofstream(file()) << "[";
  EXPECT_TRUE(knows_still());

  Write({"wh_2"});
  ASSERT_EQ(watch.Now()->size(), 1U);
  EXPECT_TRUE(watch.sure());
  Write({});
  EXPECT_TRUE(watch.Now()->empty());
  EXPECT_TRUE(watch.sure());
}

TEST_F(WebhookEndpointTest, AnAdministratorsChangeIsRefusedWhereTheOthersCannotBeRead) {
  SystemClock clock;
  Webhooks webhooks(folder_.path(), clock, false);
  const json::object body{{"url", "https://shop.example/hook"}};
  Loop();
  const auto made = webhooks.Create(body);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(made.error().message(), HasSubstr("cannot read"));
  EXPECT_TRUE(std::filesystem::is_symlink(file())) << "nothing took its place";
  std::filesystem::remove(file());
  std::ofstream(file()) << "[";
  EXPECT_FALSE(webhooks.Create(body));
  EXPECT_FALSE(webhooks.Change("wh_1", body));
  EXPECT_EQ(*ReadFile(file()).value(), "[");
}

TEST_F(WebhookEndpointTest, APrivateAddressIsRefusedUnlessTheSettingAllowsIt) {
  SystemClock clock;
  Webhooks strict(folder_.path(), clock, false);
  Webhooks free(folder_.path(), clock, true);
  const json::object body{{"url", "http://127.0.0.1:3000/hook"}};
  const auto refused = strict.Create(body);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("webhook.private_addresses"));
  const auto made = free.Create(body);
  ASSERT_TRUE(made) << made.error().message();
  const std::string id(json::Parse(*made)->at("_id").as_string());
  EXPECT_FALSE(strict.Change(id, body));
  EXPECT_TRUE(strict.Change(id, {{"description", "that the setting was taken back changes nothing else"}}));
  EXPECT_TRUE(strict.Change(id, {{"url", "https://shop.example/hook"}}));
  EXPECT_TRUE(free.Change(id, body));
}

TEST_F(WebhookEndpointTest, ATypeThatNoEventHasIsRefused) {
  SystemClock clock;
  Webhooks webhooks(folder_.path(), clock, false);
  const auto create = [&](const char* type) {
    return webhooks.Create({{"url", "https://shop.example/hook"}, {"types", json::array{type}}});
  };
  for (const char* type : {"message.created", "message.*", "#", "*.updated", "member.#", "room.deleted"}) {
    EXPECT_TRUE(create(type)) << type;
  }
  for (const char* type : {"message.typo", "messages.*", "*", "message", "", "message.created.more"}) {
    const auto refused = create(type);
    ASSERT_FALSE(refused) << type;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
    EXPECT_THAT(refused.error().message(), HasSubstr("message.created"));
  }
}

}  // namespace
}  // namespace tidings::app
