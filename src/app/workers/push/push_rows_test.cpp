#include "push/push_rows.hpp"

#include <gmock/gmock.h>

#include <memory>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Millis kPushTime = 1'000;
constexpr Millis kPushSpan = 10'000;

class PushRowsTest : public ::testing::Test {
 protected:
  PushRowsTest() : database_(Opened(folder_)), rows_(*database_) {}

  static std::unique_ptr<sqlite::Database> Opened(const TempFolder& folder) {
    auto database = std::make_unique<sqlite::Database>(folder.File("lane.db"), sqlite::Database::Mode::kWriter);
    database->Execute(std::string(kPushSchema));
    return database;
  }
  void Add(const std::string& room, const std::string& event) {
    PushRow row;
    row.room = room;
    row.event = event;
    rows_.Add(row, 1);
  }
  std::vector<PushRow> Due(Millis now = kPushTime) { return rows_.Due(now, now + kPushSpan, 10); }
  std::vector<std::string> DueEvents(Millis now = kPushTime) {
    std::vector<std::string> events;
    for (const PushRow& row : Due(now)) events.push_back(row.event);
    return events;
  }

  TempFolder folder_;
  std::unique_ptr<sqlite::Database> database_;
  PushRows rows_;
};

TEST_F(PushRowsTest, OfEachRoomTheFirstIsDue) {
  Add("a", "a1");
  Add("a", "a2");
  Add("b", "b1");
  Add("a", "a3");
  EXPECT_THAT(DueEvents(), ElementsAre("a1", "b1"));
  rows_.Done(Due()[0]);
  EXPECT_THAT(DueEvents(), ElementsAre("a2", "b1"));
  rows_.Done(Due()[1]);
  EXPECT_THAT(DueEvents(), ElementsAre("a2"));
  rows_.Done(Due()[0]);
  rows_.Done(Due()[0]);
  EXPECT_THAT(DueEvents(), IsEmpty());
  Add("a", "a4");
  EXPECT_THAT(DueEvents(), ElementsAre("a4"));
}

TEST_F(PushRowsTest, OneThatFailedHoldsUpItsRoomAndNoOther) {
  Add("a", "a1");
  Add("a", "a2");
  Add("b", "b1");
  rows_.Failed(1, kPushTime + 500);
  EXPECT_THAT(DueEvents(), ElementsAre("b1"));
  EXPECT_THAT(DueEvents(kPushTime + 500), ElementsAre("b1", "a1"));
  rows_.Done(Due(kPushTime + 500)[1]);
  EXPECT_THAT(DueEvents(), ElementsAre("a2", "b1")) << "what waited behind it waits no longer than it";
}

}  // namespace
}  // namespace tidings::app
