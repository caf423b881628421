// Conformance of Streams' consumer groups.
#include "testing/streams_suite.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(StreamsSuite, RefusesGroupsThatItDoesNotClaim) {
  if (!capabilities().streams || capabilities().stream_groups) GTEST_SKIP() << "no streams, or groups too";
  const std::string stream = StreamName();
  EXPECT_EQ(CodeOf(Run(streams().CreateGroup(stream, "group", StreamId()))), ErrorCode::kUnavailable);
}

TEST_P(StreamsSuite, EachGroupGetsEachEntryOnce) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  CreateGroup(stream, "one");
  const auto ids = AppendNumbered(stream, 20);
  CreateGroup(stream, "other");
  for (const std::string group : {"one", "other"}) {
    std::vector<std::string> bodies;
    for (int i = 0; i < 10; ++i) {
      for (const std::string consumer : {"a", "b"}) {
        for (const StreamEntry& entry : ReadGroup(stream, group, consumer, 1)) {
          EXPECT_EQ(entry.deliveries, 1U);
          bodies.push_back(entry.message.body);
        }
      }
    }
    EXPECT_EQ(bodies, Numbers(20));
    EXPECT_TRUE(ReadGroup(stream, group, "a", 10).empty());
    const GroupStats stats = Group(stream, group);
    EXPECT_EQ(stats.pending, 20U);
    EXPECT_EQ(stats.last_delivered, ids.back());
    EXPECT_EQ(stats.oldest_pending, ids.front());
  }
  EXPECT_EQ(Bodies(Read(stream, StreamId(), 100)), Numbers(20)) << "readers on their own see it all the same";
}

TEST_P(StreamsSuite, AGroupStartsWhereItIsToldAndStaysWhereItIs) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  const auto ids = AppendNumbered(stream, 5);
  CreateGroup(stream, "late", ids[2]);
  CreateGroup(stream, "newest", Must(Run(streams().Tail(stream))));
  EXPECT_TRUE(ReadGroup(stream, "newest", "a", 10).empty());
  EXPECT_EQ(Bodies(ReadGroup(stream, "late", "a", 10)), (std::vector<std::string>{"3", "4"}));
  CreateGroup(stream, "late", StreamId());
  EXPECT_TRUE(ReadGroup(stream, "late", "a", 10).empty());
  Append(stream, Numbered(5));
  EXPECT_EQ(Bodies(ReadGroup(stream, "newest", "a", 10)), (std::vector<std::string>{"5"}));
}

TEST_P(StreamsSuite, WhatIsAcknowledgedIsPendingNoMore) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  const auto ids = AppendNumbered(stream, 5);
  ReadGroup(stream, "group", "a", 10);
  EXPECT_EQ(Acknowledge(stream, "group", {ids[0], ids[3]}), 2U);
  EXPECT_EQ(Acknowledge(stream, "group", {ids[0], ids[3]}), 0U) << "they were not pending any more";
  const GroupStats stats = Group(stream, "group");
  EXPECT_EQ(stats.pending, 3U);
  EXPECT_EQ(stats.oldest_pending, ids[1]);
  EXPECT_EQ(Acknowledge(stream, "group", {ids[1], ids[2], ids[4], StreamId(ids[4].major() + 9, 0)}), 3U);
  EXPECT_FALSE(Group(stream, "group").oldest_pending);
}

TEST_P(StreamsSuite, SaysThatAGroupIsMissing) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  AppendNumbered(stream, 1);
  EXPECT_EQ(CodeOf(Run(streams().ReadGroup(stream, "missing", "a", 1, ms(0)))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Run(streams().Group(stream, "missing"))), ErrorCode::kNotFound);
}

TEST_P(StreamsSuite, AGroupWaitsForWhatComes) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  std::vector<std::string> got;
  int ended = 0;
  const auto wait = [&](std::string consumer) -> Task<void> {
    const auto read = co_await streams().ReadGroup(stream, "group", consumer, 1, 100 * unit());
    for (const StreamEntry& entry : Must(read)) got.push_back(entry.message.body);
    ++ended;
  };
  Spawn(wait("a"));
  Spawn(wait("b"));
  Settle();
  EXPECT_EQ(ended, 0);
  AppendNumbered(stream, 1);
  ASSERT_TRUE(Until([&] { return got.size() == 1; }));
  Append(stream, Numbered(1));
  ASSERT_TRUE(Until([&] { return ended == 2; }));
  EXPECT_EQ(got, Numbers(2)) << "each to one of them";
}

TEST_P(StreamsSuite, WhatAConsumerLeftIsClaimedByAnother) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  InTime([&](ms unit) {
    const std::string stream = StreamName();
    CreateGroup(stream, "group");
    const auto ids = AppendNumbered(stream, 4);
    const Millis long_idle = Moment(100 * unit);
    ReadGroup(stream, "group", "dead", 3);
    Pass(2 * unit);
    const Entries none = Claim(stream, "group", "alive", 100 * unit);
    if (PastIt(long_idle)) return false;
    EXPECT_TRUE(none.empty()) << "it was not idle for so long";
    const Millis idle = Moment(unit);
    ReadGroup(stream, "group", "alive", 1);
    const Entries claimed = Claim(stream, "group", "alive", unit);
    const Entries at_once = Claim(stream, "group", "third", unit);
    if (PastIt(idle)) return false;
    EXPECT_EQ(Bodies(claimed), Numbers(3)) << "the fourth was just handed out";
    for (const StreamEntry& entry : claimed) EXPECT_EQ(entry.deliveries, 2U);
    EXPECT_TRUE(at_once.empty()) << "a claim begins its time anew";
    EXPECT_EQ(Group(stream, "group").pending, 4U);
    EXPECT_EQ(Acknowledge(stream, "group", ids), 4U);
    Pass(2 * unit);
    EXPECT_TRUE(Claim(stream, "group", "third", unit).empty());
    return true;
  });
}

TEST_P(StreamsSuite, AConsumerThatCameBackClaimsItsOwn) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  InTime([&](ms unit) {
    const std::string stream = StreamName();
    CreateGroup(stream, "group");
    AppendNumbered(stream, 5);
    ReadGroup(stream, "group", "a", 5);
    Pass(2 * unit);
    const Millis idle = Moment(unit);
    const Entries two = Claim(stream, "group", "a", unit, 2);
    const Entries rest = Claim(stream, "group", "a", unit, 10);
    if (PastIt(idle)) return false;
    EXPECT_EQ(Bodies(two), Numbers(2)) << "no more than the limit";
    EXPECT_EQ(Bodies(rest), (std::vector<std::string>{"2", "3", "4"}));
    return true;
  });
}

TEST_P(StreamsSuite, TrimmingLeavesWhatAGroupIsOwed) {
  if (!capabilities().stream_groups || !capabilities().stream_trim) {
    GTEST_SKIP() << "does not claim groups, or not to trim";
  }
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  const auto ids = AppendNumbered(stream, 10);
  ReadGroup(stream, "group", "a", 6);
  Acknowledge(stream, "group", {ids[0], ids[1], ids[3]});
  // 2 is pending.
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(1)), 2U);
  EXPECT_EQ(Trim(stream, TrimPolicy::From(ids[9])), 0U);
  Acknowledge(stream, "group", {ids[2], ids[4], ids[5]});
  // 6 was not handed out.
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(0)), 4U);
  EXPECT_EQ(Bodies(ReadGroup(stream, "group", "a", 10)), (std::vector<std::string>{"6", "7", "8", "9"}));
  EXPECT_EQ(ledger().Of(LossCause::kTrimmed), 0U);
}

TEST_P(StreamsSuite, WhatIsTrimmedByForceIsCounted) {
  if (!capabilities().stream_groups || !capabilities().stream_trim) {
    GTEST_SKIP() << "does not claim groups, or not to trim";
  }
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  const auto ids = AppendNumbered(stream, 10);
  ReadGroup(stream, "group", "a", 4);
  Acknowledge(stream, "group", {ids[0]});
  // 1 to 3 are pending, 4 and 5 were not handed out.
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(4).Force()), 6U);
  Pass(2 * unit());
  EXPECT_TRUE(Claim(stream, "group", "b", unit()).empty());
  EXPECT_EQ(ledger().Of(LossCause::kTrimmed), 5U);
  EXPECT_EQ(Group(stream, "group").pending, 0U);
  EXPECT_EQ(Bodies(ReadGroup(stream, "group", "a", 10)), (std::vector<std::string>{"6", "7", "8", "9"}));
}

TEST_P(StreamsSuite, GroupsSurviveAReopen) {
  if (!capabilities().stream_groups || !features().reopens) GTEST_SKIP() << "does not keep what it has";
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  const auto ids = AppendNumbered(stream, 5);
  ReadGroup(stream, "group", "a", 3);
  Acknowledge(stream, "group", {ids[1]});
  Reopen();
  EXPECT_EQ(Group(stream, "group").pending, 2U);
  Pass(2 * unit());
  const auto claimed = Claim(stream, "group", "b", unit());
  EXPECT_EQ(Bodies(claimed), (std::vector<std::string>{"0", "2"}));
  EXPECT_EQ(Bodies(ReadGroup(stream, "group", "b", 10)), (std::vector<std::string>{"3", "4"}));
}

TEST_P(StreamsSuite, ManyConsumersOfAGroupShareItsEntries) {
  if (!capabilities().stream_groups) GTEST_SKIP() << "does not claim groups";
  const std::string stream = StreamName();
  CreateGroup(stream, "group");
  const int count = Large() ? 5'000 : 200;
  std::vector<StreamId> seen;
  std::size_t ended = 0;
  const auto work = [&](std::string consumer) -> Task<void> {
    while (static_cast<int>(seen.size()) < count) {
      const auto entries = Must(co_await streams().ReadGroup(stream, "group", consumer, 7, 2 * unit()));
      for (const StreamEntry& entry : entries) {
        seen.push_back(entry.id);
        Must(co_await streams().Acknowledge(stream, "group", {entry.id}));
      }
    }
    ++ended;
  };
  for (int i = 0; i < 5; ++i) Spawn(work("consumer-" + std::to_string(i)));
  AppendNumbered(stream, count);
  ASSERT_TRUE(Until([&] { return static_cast<int>(seen.size()) >= count; }));
  Pass(3 * unit());
  ASSERT_TRUE(Until([&] { return ended == 5; }));
  EXPECT_EQ(std::set<StreamId>(seen.begin(), seen.end()).size(), static_cast<std::size_t>(count));
  if (features().steady) EXPECT_EQ(seen.size(), static_cast<std::size_t>(count)) << "none twice";
  EXPECT_EQ(Group(stream, "group").pending, 0U);
}

}  // namespace
}  // namespace tidings::messaging::testing
