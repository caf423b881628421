#include "webhook/webhook_job.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"
#include "testing/job_rig.hpp"

namespace tidings::app {
namespace {

class WebhookJobTest : public ::testing::Test {
 protected:
  WebhookJobTest() {
    options_.data = folder_.path();
    EXPECT_TRUE(MakeFolder(WorkerFolder(folder_.path(), "webhook")));
    kind_ = std::make_unique<WebhookKind>(options_);
    rig_.Open(folder_.File("lane.db"), *kind_);
    rig_.Write([](sqlite::Database& database) {
      auto& rows = database.Slot<WebhookRows>();
      for (const char* event : {"e1", "e2"}) rows.Add("wh_1", event, "message.created", "{}", 1);
      rows.Bury("wh_1", 1, "status 500", 2);
    });
  }

  std::uint64_t Kept() {
    const WebhookState state = WebhookRows(rig_.database()).State("wh_1");
    return state.waiting + state.dead;
  }

  TempFolder folder_;
  WebhookOptions options_;
  std::unique_ptr<WebhookKind> kind_;
  JobRig rig_;
};

TEST_F(WebhookJobTest, NothingIsDeletedUnlessTheFileSaysThatTheEndpointIsGone) {
  const std::filesystem::path file = WebhookFile(folder_.path());
  rig_.RunOnce();
  EXPECT_EQ(Kept(), 2U) << "a file that is not there";
  std::filesystem::create_directory(file);
  rig_.RunOnce();
  EXPECT_EQ(Kept(), 2U) << "one that cannot be read";
  std::filesystem::remove(file);
  ASSERT_TRUE(WriteWebhooks(folder_.path(), {}));
  rig_.RunOnce();
  EXPECT_EQ(Kept(), 0U);
}

}  // namespace
}  // namespace tidings::app
