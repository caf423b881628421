// What a unit may do inside a commit.
#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

TEST_P(EventStoreSuite, AUnitSeesWhatTheCommitHasAppended) {
  const auto outcomes = DoTogether({
      Appending("room", "1"),
      [&](Transaction& transaction) -> Status {
        const auto stream = transaction.FindStream("room");
        EXPECT_TRUE(stream);
        EXPECT_FALSE(transaction.FindStream("nothing"));
        EXPECT_EQ(transaction.StreamHead(*stream), 1U);
        EXPECT_EQ(transaction.StreamHead(*stream + 1'000), 0U);
        EXPECT_EQ(transaction.Read(*stream, 1)->data, "1");
        EXPECT_FALSE(transaction.Read(*stream, 0));
        EXPECT_FALSE(transaction.Read(*stream, 2));
        EXPECT_FALSE(transaction.Read(*stream + 1'000, 1));
        EXPECT_EQ(transaction.ReadAt(transaction.Head())->data, "1");
        EXPECT_FALSE(transaction.ReadAt(transaction.Head() + 1));
        EXPECT_FALSE(transaction.ReadAt(~Position{0}));
        EXPECT_TRUE(store().ReadAll(0, 10)->empty()) << "readers see it before the commit";
        EXPECT_EQ(store().Head(), 0U);
        return {};
      },
  });
  for (const Status& outcome : outcomes) EXPECT_TRUE(outcome);
  EXPECT_EQ(Data("room"), (std::vector<std::string>{"1"}));
}

TEST_P(EventStoreSuite, TellsTheNextId) {
  std::vector<Uuid> announced;
  ASSERT_TRUE(Do([&](Transaction& transaction) -> Status {
    for (int i = 0; i < 3; ++i) {
      announced.push_back(transaction.NextId());
      const NewEvent event = Event("a");
      if (auto appended = transaction.Append("room", Expected::Any(), {&event, 1}); !appended) return Void(appended);
      clock_.Advance(std::chrono::milliseconds(5));  // a commit has one time
    }
    return {};
  }));
  const auto events = *store().ReadStream("room", 1, 10);
  ASSERT_EQ(events.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(events[i].id, announced[i]);
  EXPECT_EQ(events[0].at, events[2].at);
}

TEST_P(EventStoreSuite, RedactsForEver) {
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"hello", "secret", "bye"})));
  const auto before = *store().ReadStream("room", 1, 10);
  ASSERT_TRUE(Do([&](Transaction& transaction) -> Status {
    transaction.Redact(before[1].stream, 2, "gone");
    EXPECT_EQ(transaction.Read(before[1].stream, 2)->data, "gone");
    EXPECT_TRUE(transaction.ReadAt(before[1].position)->redacted);
    EXPECT_EQ(store().ReadStream("room", 2, 1)->at(0).data, "secret") << "readers see it before the commit";
    return {};
  }));
  for (int round = 0; round < (GetParam().features.persistent ? 2 : 1); ++round) {
    const auto after = *store().ReadAll(0, 10);
    ASSERT_EQ(after.size(), 3U);
    EXPECT_EQ(after[1].data, "gone");
    EXPECT_TRUE(after[1].redacted);
    EXPECT_EQ(after[1].id, before[1].id);
    EXPECT_EQ(after[1].at, before[1].at);
    EXPECT_EQ(after[1].type, before[1].type);
    EXPECT_EQ(after[1].version, 2U);
    EXPECT_EQ(after[0].data, "hello");
    EXPECT_FALSE(after[0].redacted);
    if (round == 0 && GetParam().features.persistent) subject().Reopen();
  }
}

TEST_P(EventStoreSuite, RedactsTwiceAndWithinTheCommitThatAppended) {
  ASSERT_TRUE(Do([&](Transaction& transaction) -> Status {
    const NewEvent event = Event("secret");
    const auto appended = transaction.Append("room", Expected::Any(), {&event, 1});
    if (!appended) return Void(appended);
    transaction.Redact(appended->stream, 1, "once");
    transaction.Redact(appended->stream, 1, "");
    return {};
  }));
  EXPECT_EQ(Data("room"), (std::vector<std::string>{""}));
  EXPECT_TRUE(store().ReadAll(0, 1)->at(0).redacted);
}

TEST_P(EventStoreSuite, ImportsEventsOfAnotherStore) {
  if (!GetParam().features.imports) GTEST_SKIP() << "takes no imports";
  const Millis early = clock_.Now() - 1'000'000;
  ImportedEvent placed(Event("1"), Uuid::Random(early), early);
  placed.position = 40;
  ImportedEvent next(Event("2"), Uuid::Random(early + 1), early + 1);
  next.redacted = true;
  ASSERT_TRUE(Do([&](Transaction& transaction) -> Status {
    for (const auto& event : {placed, next}) {
      if (auto done = transaction.Import("room", Expected::Any(), event); !done) return Void(done);
    }
    EXPECT_EQ(transaction.Read(*transaction.FindStream("room"), 1)->id, placed.id);
    return {};
  }));
  const auto refuse = [&](const ImportedEvent& event, Expected expected) {
    const Status refused =
        Do([&](Transaction& transaction) { return Void(transaction.Import("room", expected, event)); });
    return !refused && refused.error().code() == ErrorCode::kConflict;
  };
  EXPECT_TRUE(refuse(next, Expected::Any())) << "the same id again";
  ImportedEvent low(Event("3"), Uuid::Random(early), early);
  EXPECT_TRUE(refuse(low, Expected::At(1)));
  low.position = 41;
  EXPECT_TRUE(refuse(low, Expected::Any())) << "a position that is taken";
  const auto own = store().AppendAndWait("room", Expected::At(2), Events({"3"}));
  ASSERT_TRUE(own);
  EXPECT_TRUE(refuse(ImportedEvent(Event("4"), store().ReadStream("room", 3, 1)->at(0).id, early), Expected::Any()));

  const auto events = *store().ReadStream("room", 1, 10);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].position, 40U);
  EXPECT_EQ(events[0].id, placed.id);
  EXPECT_EQ(events[0].at, early);
  EXPECT_EQ(events[1].position, 41U);
  EXPECT_TRUE(events[1].redacted);
  EXPECT_EQ(events[2].position, 42U);
}

TEST_P(EventStoreSuite, AnImportOfTheFutureTakesTimeAlong) {
  if (!GetParam().features.imports) GTEST_SKIP() << "takes no imports";
  const Millis future = clock_.Now() + 1'000'000;
  ASSERT_TRUE(Do([&](Transaction& transaction) {
    return Void(transaction.Import("room", Expected::Any(), ImportedEvent(Event("1"), Uuid::Random(future), future)));
  }));
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"2"})));
  EXPECT_EQ(store().ReadStream("room", 2, 1)->at(0).at, future);
}

}  // namespace
}  // namespace tidings::eventing::testing
