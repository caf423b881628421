// What is appended is there, in order, whole.
#include <string>
#include <vector>

#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

TEST_P(EventStoreSuite, GivesVersionsFromOneWithoutAHole) {
  for (Version version = 1; version <= 20; ++version) {
    const auto appended = store().AppendAndWait("room", Expected::Any(), Events({"a"}));
    ASSERT_TRUE(appended) << appended.error().message();
    EXPECT_EQ(appended->last, version);
  }
  const auto events = store().ReadStream("room", 1, 100);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ((*events)[i].version, i + 1);
}

TEST_P(EventStoreSuite, RefusesAStreamThatIsNotWhereExpected) {
  EXPECT_TRUE(store().AppendAndWait("room", Expected::NoStream(), Events({"1"})));
  for (const Expected expected : {Expected::NoStream(), Expected::At(0), Expected::At(2), Expected::At(1'000)}) {
    const auto refused = store().AppendAndWait("room", expected, Events({"no", "no"}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  }
  EXPECT_EQ(store().AppendAndWait("other", Expected::At(1), Events({"no"})).error().code(), ErrorCode::kConflict);
  EXPECT_TRUE(store().AppendAndWait("room", Expected::At(1), Events({"2"})));
  EXPECT_EQ(Data("room"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(store().ReadStream("other", 1, 1).error().code(), ErrorCode::kNotFound);
}

TEST_P(EventStoreSuite, AppendsSeveralAtOnce) {
  const auto appended = store().AppendAndWait("room", Expected::NoStream(), Events({"1", "2", "3"}));
  ASSERT_TRUE(appended);
  EXPECT_EQ(appended->last, 3U);
  EXPECT_EQ(appended->position, store().Head());
  EXPECT_EQ(Data("room"), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_P(EventStoreSuite, OrdersAllStreamsByRisingPositions) {
  EXPECT_EQ(store().Head(), 0U);
  std::vector<std::string> expected;
  for (int i = 0; i < 30; ++i) {
    const std::string data = std::to_string(i);
    ASSERT_TRUE(store().AppendAndWait("room " + std::to_string(i % 7), Expected::Any(), {Event(data)}));
    expected.push_back(data);
  }
  std::vector<std::string> seen;
  Position after = 0;
  while (true) {
    const auto page = store().ReadAll(after, 4);
    ASSERT_TRUE(page);
    EXPECT_LE(page->size(), 4U);
    if (page->empty()) break;
    for (const auto& event : *page) {
      EXPECT_GT(event.position, after);
      after = event.position;
      seen.push_back(event.data);
    }
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(store().Head(), after);
  EXPECT_TRUE(store().ReadAll(after + 1'000, 4)->empty());
  EXPECT_TRUE(store().ReadAll(~Position{0}, 4)->empty());
}

TEST_P(EventStoreSuite, ReadsAStreamFromAVersion) {
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1", "2", "3", "4", "5"})));
  const auto versions = [&](Version from, std::size_t limit) {
    std::vector<Version> read;
    for (const auto& event : *store().ReadStream("room", from, limit)) read.push_back(event.version);
    return read;
  };
  EXPECT_EQ(versions(0, 2), (std::vector<Version>{1, 2}));
  EXPECT_EQ(versions(1, 2), (std::vector<Version>{1, 2}));
  EXPECT_EQ(versions(4, 100), (std::vector<Version>{4, 5}));
  EXPECT_EQ(versions(5, ~std::size_t{0}), (std::vector<Version>{5}));
  EXPECT_TRUE(versions(6, 2).empty());
  EXPECT_TRUE(versions(~Version{0}, 2).empty());
  EXPECT_TRUE(versions(1, 0).empty());
  EXPECT_EQ(store().ReadStream("nothing", 1, 2).error().code(), ErrorCode::kNotFound);
}

TEST_P(EventStoreSuite, KeepsAllOfAnEvent) {
  NewEvent event("message.created", std::string("\0\xff bytes", 8), ~std::uint64_t{0});
  const auto appended = store().AppendAndWait("room", Expected::Any(), {event});
  ASSERT_TRUE(appended);
  const auto read = store().ReadStream("room", 1, 1);
  ASSERT_TRUE(read);
  const StoredEvent& stored = read->at(0);
  EXPECT_EQ(stored.type, event.type);
  EXPECT_EQ(stored.data, event.data);
  EXPECT_EQ(stored.author, event.author);
  EXPECT_EQ(stored.at, clock_.Now());
  EXPECT_EQ(stored.stream, appended->stream);
  EXPECT_EQ(stored.position, appended->position);
  EXPECT_FALSE(stored.redacted);
}

TEST_P(EventStoreSuite, GivesIdsThatNameTheirPositionAndSort) {
  std::vector<StoredEvent> all;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"a", "b"})));
    clock_.Advance(std::chrono::milliseconds(i));
  }
  all = *store().ReadAll(0, 100);
  ASSERT_EQ(all.size(), 10U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].id.Place(), all[i].position);
    if (i > 0) EXPECT_LT(all[i - 1].id.Text(), all[i].id.Text());
  }
}

TEST_P(EventStoreSuite, TakesDataUpToItsBound) {
  const std::string most(16 << 20, 'x');
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), {Event(most), Event("")}));
  EXPECT_EQ(store().ReadStream("room", 1, 1)->at(0).data, most);
  EXPECT_EQ(store().ReadStream("room", 2, 1)->at(0).data, "");
  EXPECT_EQ(store().AppendAndWait("room", Expected::Any(), {Event(most + "x")}).error().code(), ErrorCode::kTooLarge);
}

TEST_P(EventStoreSuite, RefusesWhatIsOutOfBounds) {
  const std::string long_name(300, 'n');
  EXPECT_EQ(store().AppendAndWait("", Expected::Any(), Events({"a"})).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(store().AppendAndWait(long_name, Expected::Any(), Events({"a"})).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(store().AppendAndWait("room", Expected::Any(), {}).error().code(), ErrorCode::kInvalid);
  for (const std::string& type : {std::string(), std::string(65, 't')}) {
    const auto refused = store().AppendAndWait("room", Expected::Any(), {Event("fine"), Event("a", type)});
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  }
  EXPECT_EQ(store().Head(), 0U);
  EXPECT_TRUE(store().AppendAndWait(std::string(256, 'n'), Expected::Any(), {Event("a", std::string(64, 't'))}));
}

TEST_P(EventStoreSuite, TimeNeverGoesBack) {
  const Millis start = clock_.Now();
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1"})));
  clock_.JumpWall(std::chrono::hours(-24));
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"2"})));
  if (GetParam().features.persistent) {
    subject().Reopen();
    subject().Start();
  }
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"3"})));
  clock_.JumpWall(std::chrono::hours(48));
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"4"})));
  std::vector<Millis> times;
  const auto events = *store().ReadStream("room", 1, 9);
  for (const auto& event : events) times.push_back(event.at);
  EXPECT_EQ(times, (std::vector<Millis>{start, start, start, clock_.Now()}));
}

TEST_P(EventStoreSuite, KeepsEverythingOverARestart) {
  if (!GetParam().features.persistent) GTEST_SKIP() << "not persistent";
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1", "2"})));
  ASSERT_TRUE(store().AppendAndWait("other", Expected::Any(), {Event("3", "another type")}));
  const auto before = *store().ReadAll(0, 100);
  subject().Reopen();
  EXPECT_EQ(store().Head(), 3U);
  subject().Start();
  const auto appended = store().AppendAndWait("room", Expected::At(2), {Event("4", "another type")});
  ASSERT_TRUE(appended);
  EXPECT_GT(appended->position, before.back().position);
  const auto after = *store().ReadAll(0, 100);
  ASSERT_EQ(after.size(), 4U);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].stream, before[i].stream);
    EXPECT_EQ(after[i].type, before[i].type);
    EXPECT_EQ(after[i].data, before[i].data);
  }
  EXPECT_EQ(after[3].stream, after[0].stream);
}

}  // namespace
}  // namespace tidings::eventing::testing
