#include "control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

#include <tidings/app/control_file.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/json.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>

namespace tidings::app {
namespace {

using testing::HasSubstr;

class ControlTest : public testing::Test {
 protected:
  ControlTest() : loop_(clock_) {
    std::filesystem::create_directories(folder_);
    sqlite::SqliteEventStore::Options options;
    options.folder = folder_ + "/data";
    options.parts.push_back(sqlite::ChatSchema());
    store_ = *sqlite::SqliteEventStore::Open(std::move(options));
    engine_ = std::make_unique<chat::Engine>(
        *store_,
        [](eventing::Transaction& transaction) -> chat::Tables& {
          return sqlite::SqliteTransaction::Of(transaction).database().Slot<sqlite::SqliteTables>();
        },
        chat::Limits{}, nullptr);
    store_->AddListener(engine_->listener());
    store_->Start();
    reads_ = std::make_unique<sqlite::SqliteReadPool>(store_->readers());
    keys_ =
        *auth::KeySet::Make({.secret = std::string(40, 's'), .jwks_file = {}, .internal_secret = std::string(40, 'i')});
    control_ = std::make_unique<Control>(Control::Services{loop_, clock_, *keys_, *engine_, *reads_, *store_});
  }
  ~ControlTest() override {
    store_->Close();
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string Token(const std::string& sub, bool admin, auth::Signer signer) {
    auth::Grant grant;
    grant.sub = sub;
    grant.admin = admin;
    return *keys_->Sign(grant, clock_.Now(), signer);
  }
  std::string RightToken() { return Token(kControlSubject, true, auth::Signer::kInternal); }

  class Exchange final : public realtime::HttpExchange {
   public:
    explicit Exchange(std::optional<realtime::HttpAnswer>& answer) : answer_(answer) {}
    void Respond(realtime::HttpAnswer answer) override { answer_ = std::move(answer); }
    void OnAborted(std::move_only_function<void()>) override {}

   private:
    std::optional<realtime::HttpAnswer>& answer_;
  };
  realtime::HttpAnswer Ask(const std::string& method, const std::string& path, const std::string& body,
                           const std::string& token) {
    realtime::HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers.emplace_back("authorization", "Bearer " + token);
    std::optional<realtime::HttpAnswer> answer;
    control_->OnRequest(std::move(request), std::make_unique<Exchange>(answer));
    for (int turns = 0; !answer && turns < 1'000; ++turns) loop_.Turn(std::chrono::milliseconds(10));
    return answer.value_or(realtime::HttpAnswer());
  }
  realtime::HttpAnswer Ask(const std::string& method, const std::string& path, const std::string& body = "") {
    return Ask(method, path, body, RightToken());
  }

  const std::string folder_ = testing::TempDir() + "/control_" + RandomToken(8);
  SystemClock clock_;
  net::EventLoop loop_;
  std::unique_ptr<sqlite::SqliteEventStore> store_;
  std::unique_ptr<chat::Engine> engine_;
  std::unique_ptr<sqlite::SqliteReadPool> reads_;
  std::unique_ptr<auth::KeySet> keys_;
  std::unique_ptr<Control> control_;
};

TEST_F(ControlTest, AnswersTheCommandsOfItsFolderAlone) {
  using auth::Signer;
  EXPECT_EQ(Ask("GET", "/control/users", "", "").status, 401);
  EXPECT_EQ(Ask("GET", "/control/users", "", "nonsense").status, 401);
  EXPECT_EQ(Ask("GET", "/control/users", "", Token(kControlSubject, true, Signer::kShared)).status, 401);
  EXPECT_EQ(Ask("GET", "/control/users", "", Token(kControlSubject, false, Signer::kInternal)).status, 401);
  EXPECT_EQ(Ask("GET", "/control/users", "", Token("ann", true, Signer::kInternal)).status, 401);
  EXPECT_EQ(Ask("GET", "/control/users").status, 200);
}

TEST_F(ControlTest, AddsListsAndSuspends) {
  EXPECT_EQ(Ask("POST", "/control/users", R"({"_id":"ann","name":"Ann"})").status, 200);
  EXPECT_EQ(Ask("POST", "/control/users", R"({"_id":"ann"})").status, 409);
  EXPECT_EQ(Ask("POST", "/control/accounts", R"({"username":"Bobby","passwordHash":"h"})").status, 200);
  EXPECT_EQ(Ask("POST", "/control/suspend", R"({"_id":"ann","suspended":true})").status, 200);
  EXPECT_EQ(Ask("POST", "/control/suspend", R"({"_id":"nobody"})").status, 404);
  const auto listed = Ask("GET", "/control/users").body;
  EXPECT_THAT(listed, HasSubstr(R"("_id":"ann","name":"Ann","username":"","suspended":true)"));
  EXPECT_THAT(listed, HasSubstr(R"("username":"bobby","suspended":false)"));
  EXPECT_THAT(listed, testing::Not(HasSubstr("\"h\"")));
}

TEST_F(ControlTest, ARoomThatIsNoMoreHasNoAudienceAndTheAnswerProvesWhoseItIs) {
  const auto asked = Ask("POST", "/control/audience", R"({"room":"none","seq":1,"author":"ann","nonce":"n1"})");
  EXPECT_EQ(asked.status, 200);
  const auto body = json::Parse(asked.body);
  ASSERT_TRUE(body);
  const auto& data = body->get_object().at("data").get_object();
  EXPECT_TRUE(data.at("users").get_array().empty());
  const auto claims = keys_->Verify(std::string(data.at("proof").get_string()), clock_.Now());
  ASSERT_TRUE(claims);
  EXPECT_TRUE(claims->Internal());
  EXPECT_FALSE(claims->admin);
  EXPECT_EQ(claims->sub, "tidings:server:n1");
}

TEST_F(ControlTest, CopiesTheStoreBesideItsWork) {
  std::string body;
  json::ObjectWriter(body).Text("folder", folder_ + "/copy").End();
  EXPECT_EQ(Ask("POST", "/control/backup", body).status, 200);
  std::string state;
  for (int i = 0; i < 1'000 && (state.empty() || state.contains("\"running\":true")); ++i) {
    state = Ask("GET", "/control/backup").body;
    loop_.Turn(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(state, HasSubstr(R"("error":"")"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/copy/tidings.db"));
}

TEST_F(ControlTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Ask("GET", "/control/nothing").status, 404);
  EXPECT_EQ(Ask("DELETE", "/control/users").status, 404);
  EXPECT_EQ(Ask("POST", "/control/users", "{").status, 400);
  EXPECT_EQ(Ask("POST", "/control/users", "[]").status, 422);
  EXPECT_EQ(Ask("POST", "/control/users", "{}").status, 422);
  EXPECT_EQ(Ask("POST", "/control/backup", R"({"folder":"here"})").status, 422);
}

TEST_F(ControlTest, ListensAndSaysWhere) {
  ASSERT_TRUE(control_->Open(folder_));
  const auto file = ReadControlFile(folder_);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, getpid());
  control_->Close();
  EXPECT_FALSE(ReadControlFile(folder_));
}

}  // namespace
}  // namespace tidings::app
