#include "webhook/delivery_rows.hpp"

#include <gtest/gtest.h>

#include <memory>

#include <tidings/app/worker_counts.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"
#include "room_rows.hpp"

namespace tidings::app {
namespace {

class DeliveryRowsTest : public ::testing::Test {
 protected:
  DeliveryRowsTest() {
    const auto folder = WorkerFolder(folder_.path(), "webhook");
    EXPECT_TRUE(MakeFolder(folder));
    database_ = std::make_unique<sqlite::Database>(folder / "lane-0.db", sqlite::Database::Mode::kWriter);
    database_->Execute(std::string(kRoomOrderSchema) + std::string(kWebhookSchema));
    rows_ = std::make_unique<WebhookRows>(*database_);
  }
  std::int64_t Oldest() { return database_->Number("SELECT min(number) FROM deliveries"); }

  TempFolder folder_;
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<WebhookRows> rows_;
};

TEST_F(DeliveryRowsTest, OfTooManyDeadLettersTheOldestAreDroppedAndCounted) {
  rows_->Add("wh_1", "e1", "message.created", "{}", 1);
  const std::string more = std::to_string(WebhookRows::kMostDead + 4);
  database_->Execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + more +
                     ") INSERT INTO deliveries (endpoint, event, type, payload, at) SELECT 'wh_1', 'e', 't', '{}', 1 "
                     "FROM n; UPDATE endpoints SET waiting = waiting + " +
                     more);
  rows_->Add("wh_2", "e1", "message.created", "{}", 1);
  rows_->BuryAll("wh_1", "the endpoint is disabled", 2);
  WebhookState state = rows_->State("wh_1");
  EXPECT_EQ(state.waiting, 0U);
  EXPECT_EQ(state.dead, static_cast<std::uint64_t>(WebhookRows::kMostDead));
  EXPECT_EQ(state.dropped, 5U);
  EXPECT_EQ(Oldest(), 6);
  rows_->Add("wh_1", "last", "message.created", "{}", 3);
  rows_->Bury("wh_1", rows_->Next("wh_1")->number, "status 500", 3);
  state = rows_->State("wh_1");
  EXPECT_EQ(state.dead, static_cast<std::uint64_t>(WebhookRows::kMostDead));
  EXPECT_EQ(state.dropped, 6U);
  EXPECT_EQ(Oldest(), 7);
  EXPECT_EQ(rows_->State("wh_2").waiting, 1U) << "another endpoint's";
  // What was lost stays counted when the endpoint goes.
  rows_->Remove("wh_1");
  const auto counts = CountWorkers(folder_.path());
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].worker, "webhook");
  EXPECT_EQ(counts[0].lost, 6U);
}

}  // namespace
}  // namespace tidings::app
