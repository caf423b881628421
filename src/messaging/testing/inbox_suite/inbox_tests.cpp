#include "testing/inbox_suite.hpp"

#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/numbered_inbox.hpp>

namespace tidings::messaging::testing {
namespace {

TEST_P(InboxSuite, EachConsumerHandlesAMessageOnce) {
  EXPECT_EQ(Handle("a", "one"), Recorded::kFirst);
  EXPECT_EQ(Handle("a", "one"), Recorded::kBefore);
  EXPECT_EQ(Handle("a", "two"), Recorded::kFirst);
  EXPECT_EQ(Handle("b", "one"), Recorded::kFirst);
  EXPECT_EQ(Handle("a", "two"), Recorded::kBefore);
  EXPECT_EQ(environment().Words(), (Words{"a", "a", "b"}));
}

TEST_P(InboxSuite, WithoutACommitThereIsNeitherEffectNorRecord) {
  {
    const auto unit = Begin();
    EXPECT_EQ(Record(*unit, "a"), Recorded::kFirst);
    environment().Write(*unit, "a");
  }
  EXPECT_EQ(environment().Words(), Words());
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
  EXPECT_EQ(environment().Words(), (Words{"a"}));
}

TEST_P(InboxSuite, WhatAnotherUnitHandlesConflictsUntilThatEnds) {
  auto first = Begin();
  const auto second = Begin();
  EXPECT_EQ(Record(*first, "a"), Recorded::kFirst);
  const auto refused = Run(second->Record("a", "consumer", 1'000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(Record(*second, "a", "other"), Recorded::kFirst);
  first.reset();
  EXPECT_EQ(Record(*second, "a"), Recorded::kFirst);
  environment().Write(*second, "both");
  EXPECT_TRUE(Run(second->Commit()));
  const auto third = Begin();
  EXPECT_EQ(Record(*third, "a"), Recorded::kBefore);
  EXPECT_EQ(Record(*third, "a", "other"), Recorded::kBefore);
  EXPECT_EQ(environment().Words(), (Words{"both"}));
}

TEST_P(InboxSuite, AUnitMayRecordMuchAndNothing) {
  const auto many = Begin();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Record(*many, std::to_string(i)), Recorded::kFirst);
  environment().Write(*many, "many");
  EXPECT_TRUE(Run(many->Commit()));
  EXPECT_EQ(Handle("49"), Recorded::kBefore);
  const auto none = Begin();
  EXPECT_TRUE(Run(none->Commit()));
}

TEST_P(InboxSuite, UnitsThatCommitAtOnceAllDo) {
  int committed = 0;
  const auto handle = [&](int number) -> Task<void> {
    auto unit = co_await inbox().Begin();
    std::string id = std::to_string(number);
    const auto recorded = co_await (*unit)->Record(id, "consumer", 1'000);
    EXPECT_TRUE(recorded && *recorded == Recorded::kFirst);
    environment().Write(**unit, id);
    if (co_await (*unit)->Commit()) ++committed;
  };
  for (int i = 0; i < 200; ++i) runner_.Spawn(handle(i));
  EXPECT_TRUE(runner_.Until([&] { return committed == 200; }));
  EXPECT_EQ(environment().Words().size(), 200U);
  EXPECT_EQ(Handle("199"), Recorded::kBefore);
}

TEST_P(InboxSuite, ForgetsWhatIsOld) {
  EXPECT_EQ(Handle("a", "consumer", 1'000), Recorded::kFirst);
  EXPECT_EQ(Handle("b", "consumer", 2'000), Recorded::kFirst);
  EXPECT_EQ(Handle("c", "consumer", 3'000), Recorded::kFirst);
  EXPECT_EQ(Run(inbox().Forget(1'000)).value(), 0U);
  EXPECT_EQ(Run(inbox().Forget(3'000)).value(), 2U);
  EXPECT_EQ(Handle("c"), Recorded::kBefore);
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
}

TEST_P(InboxSuite, KnowsHowFarASequenceIsHandled) {
  auto* const numbered = dynamic_cast<NumberedInbox*>(&inbox());
  if (numbered == nullptr) GTEST_SKIP() << "keeps no numbers";
  const auto position = [&](const std::string& consumer, const std::string& sequence) {
    return Run(dynamic_cast<NumberedInbox&>(inbox()).Position(consumer, sequence)).value();
  };
  const auto advance = [&](std::uint64_t number, const std::string& id, Millis now) {
    const auto unit = Begin();
    EXPECT_EQ(Record(*unit, id, "one", now), Recorded::kFirst);
    unit->As<NumberedUnit>().Advance("one", "k", number, now);
    environment().Write(*unit, id);
    EXPECT_EQ(position("two", "k"), std::nullopt);
    EXPECT_TRUE(Run(unit->Commit()));
  };
  EXPECT_EQ(position("one", "k"), std::nullopt);
  advance(5, "a", 1'000);
  EXPECT_EQ(position("one", "k"), 5U);
  {
    const auto dropped = Begin();
    dropped->As<NumberedUnit>().Advance("one", "k", 9, 1'000);
  }
  EXPECT_EQ(position("one", "k"), 5U) << "without a commit it has not moved";
  advance(3, "b", 2'000);
  EXPECT_EQ(position("one", "k"), 5U) << "it never goes back";
  EXPECT_EQ(position("one", "other"), std::nullopt);
  // One that changes nothing else.
  {
    const auto alone = Begin();
    alone->As<NumberedUnit>().Advance("one", "alone", 7, 3'000);
    EXPECT_TRUE(Run(alone->Commit()));
  }
  EXPECT_EQ(position("one", "alone"), 7U);
  if (environment().reopens()) {
    Open();
    EXPECT_EQ(position("one", "k"), 5U);
  }
  EXPECT_EQ(Run(inbox().Forget(3'000)).value(), 3U) << "two records and one sequence";
  EXPECT_EQ(position("one", "k"), std::nullopt);
  EXPECT_EQ(position("one", "alone"), 7U);
}

TEST_P(InboxSuite, RemembersOverAReopen) {
  if (!environment().reopens()) GTEST_SKIP() << "lasts as long as the process";
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
  Open();
  EXPECT_EQ(Handle("a"), Recorded::kBefore);
  EXPECT_EQ(Handle("b"), Recorded::kFirst);
  EXPECT_EQ(environment().Words(), (Words{"a", "b"}));
}

}  // namespace
}  // namespace tidings::messaging::testing
