#include "push/push_parts.hpp"

#include <gmock/gmock.h>

#include <tidings/testing/temp_folder.hpp>

#include "push/push_rows.hpp"

namespace tidings::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Users = std::vector<std::string>;

TEST(PushParts, WhoeverWasInARequestStaysInItAndWhoWasNotGetsANewOne) {
  const PushCut first = CutPush({}, {"a", "b", "c", "d", "e"}, 2);
  ASSERT_EQ(first.requests.size(), 3U);
  EXPECT_EQ(first.fresh.size(), 3U);
  EXPECT_THAT(first.requests[2].users, ElementsAre("e"));
  // Cut anew, c would move to the first request, which the gateway may know already.
  const PushCut second = CutPush(first.fresh, {"a", "c", "d", "f", "g", "h"}, 2);
  ASSERT_EQ(second.requests.size(), 4U);
  EXPECT_THAT(second.requests[0].users, ElementsAre("a"));
  EXPECT_THAT(second.requests[1].users, ElementsAre("c", "d"));
  EXPECT_EQ(second.requests[2].part, 3U);
  EXPECT_THAT(second.requests[2].users, ElementsAre("f", "g"));
  EXPECT_THAT(second.requests[3].users, ElementsAre("h"));
  EXPECT_EQ(second.fresh.size(), 2U);
}

TEST(PushParts, NobodyIsToldTwice) {
  std::vector<PushPart> known = CutPush({}, {"a", "b", "c"}, 2).fresh;
  known[0].told = true;
  const PushCut cut = CutPush(known, {"a", "b", "c"}, 2);
  ASSERT_EQ(cut.requests.size(), 1U);
  EXPECT_THAT(cut.requests[0].users, ElementsAre("c"));
  EXPECT_THAT(cut.fresh, IsEmpty());
}

TEST(PushParts, AreKeptWithTheirMessageUntilItIsDone) {
  TempFolder folder;
  sqlite::Database database(folder.File("lane.db"), sqlite::Database::Mode::kWriter);
  database.Execute(std::string(kPushSchema));
  PushRows rows(database);
  rows.Add(PushRow(), 1);
  rows.AddParts(1, CutPush({}, {"a", "b", "c"}, 2).fresh);
  rows.Told(1, {1});
  const auto kept = rows.Parts(1);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].users, (Users{"a", "b"}));
  EXPECT_FALSE(kept[0].told);
  EXPECT_EQ(kept[1].users, (Users{"c"}));
  EXPECT_TRUE(kept[1].told);
  EXPECT_THAT(rows.Parts(2), IsEmpty());
  PushRow done;
  done.number = 1;
  rows.Done(done);
  EXPECT_THAT(rows.Parts(1), IsEmpty());
}

}  // namespace
}  // namespace tidings::app
