#include "group_state.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tidings::messaging::rabbitmq {
namespace {

using Ids = std::vector<std::uint64_t>;
using Handed = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

// A state and the number of the writer's newest step.
class Worked {
 public:
  GroupOutcome Do(const GroupStep& step) { return state.Apply("w", ++number, step); }
  GroupState state;
  std::uint64_t number = 0;
};

TEST(GroupState, RangesAreReadAsTheyAreWritten) {
  for (const Ids& ids : {Ids{}, Ids{7}, Ids{1, 2, 3}, Ids{0, 2, 3, 9, 18'446'744'073'709'551'615U}}) {
    EXPECT_EQ(ParseRanges(RangesText(ids)), ids);
  }
  EXPECT_EQ(RangesText({1, 2, 3, 5, 7, 8}), "1-3,5,7-8");
  for (const std::string bad : {"x", "3-1", "1,1", "5,4", "-1", "1-99999999999", "1;2", "1 2"}) {
    EXPECT_FALSE(ParseRanges(bad)) << bad;
  }
}

TEST(GroupState, StepsAreReadAsTheyAreWritten) {
  for (const GroupStep& step : {GroupStep::Create(7), GroupStep::Take(10, 1'700, {3, 4, 9}), GroupStep::Ack({9, 3, 3}),
                                GroupStep::Claim(500, 10, 1'700), GroupStep::Restart(12)}) {
    const auto read = GroupStep::Parse(step.Text());
    ASSERT_TRUE(read) << step.Text();
    EXPECT_EQ(read->Text(), step.Text());
  }
  EXPECT_EQ(GroupStep::Ack({9, 3, 3}).Text(), "ack 3,9");
  for (const std::string bad : {"", "take", "take 1 2 x 3", "ack 3;4", "claim 1 2", "create", "create x", "other 1"}) {
    EXPECT_FALSE(GroupStep::Parse(bad)) << bad;
  }
}

TEST(GroupState, HandsOutEachEntryOnceAndInOrder) {
  Worked group;
  EXPECT_FALSE(group.Do(GroupStep::Take(10, 1, {1})).group);
  group.Do(GroupStep::Create(2));
  group.Do(GroupStep::Create(9));
  EXPECT_EQ(group.state.last(), 2U) << "the first one counts";
  EXPECT_EQ(group.Do(GroupStep::Take(2, 1, {1, 2, 3, 4, 5})).handed, (Handed{{3, 1}, {4, 1}}));
  // Another one who saw the same entries.
  EXPECT_EQ(group.Do(GroupStep::Take(10, 1, {3, 4, 5, 7})).handed, (Handed{{5, 1}, {7, 1}}));
  EXPECT_TRUE(group.Do(GroupStep::Take(10, 1, {3, 4, 5, 7})).handed.empty());
  EXPECT_EQ(group.state.last(), 7U);
  // Seen by one who knew the group before it was lost and made again.
  EXPECT_TRUE(group.Do(GroupStep::Take(10, 1, {12, 13}, 11)).handed.empty());
  EXPECT_EQ(group.Do(GroupStep::Ack({3, 6, 7, 8})).acknowledged, 2U);
  EXPECT_EQ(group.Do(GroupStep::Ack({3})).acknowledged, 0U);
}

TEST(GroupState, ClaimsWhatIsIdle) {
  Worked group;
  group.Do(GroupStep::Create(0));
  group.Do(GroupStep::Take(2, 100, {1, 2}));
  group.Do(GroupStep::Take(2, 150, {3, 4}));
  EXPECT_TRUE(group.Do(GroupStep::Claim(50, 10, 90)).handed.empty()) << "a clock that is behind";
  EXPECT_EQ(group.Do(GroupStep::Claim(50, 1, 160)).handed, (Handed{{1, 2}}));
  EXPECT_EQ(group.Do(GroupStep::Claim(50, 10, 160)).handed, (Handed{{2, 2}}));
  EXPECT_EQ(group.Do(GroupStep::Claim(50, 10, 210)).handed, (Handed{{1, 3}, {2, 3}, {3, 2}, {4, 2}}));
}

TEST(GroupState, ATakersClockThatIsAheadDelaysClaimsByTwiceTheIdleTimeAtMost) {
  Worked group;
  group.Do(GroupStep::Create(0));
  group.Do(GroupStep::Take(1, 1'000'000, {1}));
  EXPECT_TRUE(group.Do(GroupStep::Claim(50, 10, 200)).handed.empty()) << "as if it were handed out at 250";
  EXPECT_TRUE(group.Do(GroupStep::Claim(50, 10, 299)).handed.empty());
  EXPECT_EQ(group.Do(GroupStep::Claim(50, 10, 300)).handed, (Handed{{1, 2}}));
  group.Do(GroupStep::Take(1, 1'000'000, {2}));
  EXPECT_EQ(group.Do(GroupStep::Claim(0, 10, 301)).handed, (Handed{{1, 3}, {2, 2}})) << "whatever is pending";
  // A little ahead is not moved: nothing is claimed too early because the claimer's clock is behind.
  group.Do(GroupStep::Claim(0, 10, 340));
  group.Do(GroupStep::Claim(50, 10, 300));
  EXPECT_TRUE(group.Do(GroupStep::Claim(50, 10, 389)).handed.empty());
  EXPECT_EQ(group.Do(GroupStep::Claim(50, 10, 390)).handed.size(), 2U);
}

TEST(GroupState, ARestartBeginsWithTheFirstEntryOnce) {
  Worked group;
  group.Do(GroupStep::Create(0));
  group.Do(GroupStep::Take(10, 1, {1, 2, 3, 4, 5}));
  group.Do(GroupStep::Ack({1, 2}));
  EXPECT_EQ(group.Do(GroupStep::Restart(4)).acknowledged, 0U) << "it stands elsewhere";
  EXPECT_EQ(group.state.last(), 5U);
  EXPECT_EQ(group.Do(GroupStep::Restart(5)).acknowledged, 3U);
  EXPECT_EQ(group.Do(GroupStep::Take(1, 1, {1, 2, 3})).handed, (Handed{{1, 1}}));
  EXPECT_EQ(group.Do(GroupStep::Restart(5)).acknowledged, 0U) << "another one saw the same";
  EXPECT_EQ(group.state.last(), 1U);
  EXPECT_TRUE(group.Do(GroupStep::Take(10, 1, {6, 7}, 5)).handed.empty()) << "by one who saw it before";
}

TEST(GroupState, AStepThatWasSentTwiceCountsOnce) {
  GroupState state;
  state.Apply("a", 1, GroupStep::Create(0));
  EXPECT_EQ(state.Apply("a", 2, GroupStep::Take(1, 1, {1, 2, 3})).handed.size(), 1U);
  EXPECT_TRUE(state.Apply("a", 2, GroupStep::Take(1, 1, {1, 2, 3})).handed.empty());
  EXPECT_TRUE(state.Apply("a", 1, GroupStep::Create(0)).group);
  EXPECT_EQ(state.Apply("b", 2, GroupStep::Take(1, 1, {1, 2, 3})).handed, (Handed{{2, 1}}));
  EXPECT_EQ(state.pending().size(), 2U);
}

TEST(GroupState, IsBounded) {
  Worked group;
  group.Do(GroupStep::Create(0));
  Ids ids;
  for (std::uint64_t id = 1; id <= GroupState::kMostPending + 5; ++id) ids.push_back(id);
  EXPECT_EQ(group.Do(GroupStep::Take(ids.size(), 1, ids)).handed.size(), GroupState::kMostPending);
  EXPECT_TRUE(group.Do(GroupStep::Take(ids.size(), 1, ids)).full);
  group.Do(GroupStep::Ack({5}));
  EXPECT_EQ(group.Do(GroupStep::Take(10, 1, ids)).handed, (Handed{{GroupState::kMostPending + 1, 1}}));
  EXPECT_EQ(GroupState::Parse(group.state.Text()), group.state);
  for (int i = 0; i < 100; ++i) group.state.Apply("writer " + std::to_string(i), 1, GroupStep::Ack({1}));
  EXPECT_LT(group.state.Text().size(), 10'000U);
}

// A group's log as consumers would write it, and what it led to.
class Log {
 public:
  explicit Log(unsigned seed) : random_(seed) { Add("a", GroupStep::Create(0).Text()); }

  void Add(const std::string& writer, const std::string& body) {
    // As RabbitMQ does where a segment begins.
    if (random_() % 20 == 0) ++offset_;
    entries.push_back({offset_++, StampText(writer, ++number_), body});
    replica.Feed(entries.back().offset, entries.back().stamp, entries.back().body);
  }
  void AddAny() {
    const std::string writer(1, static_cast<char>('a' + random_() % 3));
    const std::uint64_t at = ++time_;
    switch (random_() % 4) {
      case 0: {
        Ids ids;
        for (std::uint64_t id = replica.state().last(); ids.size() < random_() % 5 + 1; ++id) ids.push_back(id);
        return Add(writer, GroupStep::Take(random_() % 4 + 1, static_cast<Millis>(at), ids).Text());
      }
      case 1: {
        Ids ids;
        for (const auto& [id, pending] : replica.state().pending()) {
          if (random_() % 2 == 0) ids.push_back(id);
        }
        return Add(writer, GroupStep::Ack(ids).Text());
      }
      case 2: return Add(writer, GroupStep::Claim(random_() % 9, 3, static_cast<Millis>(at)).Text());
      default: break;
    }
    // Some steps come between what a state speaks of and where it stands.
    if (random_() % 4 == 0) {
      const std::string state = replica.StateStep();
      for (auto between = random_() % 3; between > 0; --between) Add("b", GroupStep::Ack({}).Text());
      Add("c", state);
    }
  }

  class Entry {
   public:
    std::uint64_t offset;
    std::string stamp;
    std::string body;
  };
  std::vector<Entry> entries;
  GroupReplica replica;

 private:
  std::mt19937 random_;
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t time_ = 0;
};

TEST(GroupReplica, WhoeverBeginsAnywhereInTheLogComesToTheSameState) {
  for (unsigned seed = 0; seed < 4; ++seed) {
    Log log(seed);
    for (int i = 0; i < 150; ++i) log.AddAny();
    ASSERT_TRUE(log.replica.whole());
    int whole = 0;
    for (std::size_t begin = 0; begin < log.entries.size(); ++begin) {
      GroupReplica late;
      for (std::size_t i = begin; i < log.entries.size(); ++i) {
        late.Feed(log.entries[i].offset, log.entries[i].stamp, log.entries[i].body);
      }
      if (!late.whole()) continue;
      ++whole;
      ASSERT_EQ(late.state(), log.replica.state()) << "seed " << seed << ", from " << begin;
    }
    EXPECT_GT(whole, 20) << "seed " << seed;
  }
}

TEST(GroupReplica, OneThatMissedAPartBeginsAnew) {
  Log log(1);
  for (int i = 0; i < 100; ++i) log.AddAny();
  log.Add("a", log.replica.StateStep());
  for (int i = 0; i < 100; ++i) log.AddAny();
  GroupReplica late;
  bool lost = false;
  for (std::size_t i = 0; i < log.entries.size(); ++i) {
    if (i >= 10 && i < 40) continue;
    late.Feed(log.entries[i].offset, log.entries[i].stamp, log.entries[i].body);
    lost = lost || !late.whole();
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(late.whole());
  EXPECT_EQ(late.state(), log.replica.state());
}

TEST(GroupReplica, AStateIsDueInTime) {
  GroupReplica replica;
  std::uint64_t offset = 0;
  replica.Feed(offset++, "a-1", "create 0");
  while (!replica.state_is_due()) {
    replica.Feed(offset, StampText("a", offset + 2), "ack ");
    ++offset;
  }
  EXPECT_GT(offset, 100U);
  EXPECT_LT(offset, 400U);
  replica.Feed(offset, "a-9999", replica.StateStep());
  EXPECT_FALSE(replica.state_is_due());
  // What is no step, by a stranger say, is passed over.
  EXPECT_FALSE(replica.Feed(offset + 1, "", "hello"));
  EXPECT_FALSE(replica.Feed(offset + 2, "a", "ack 1"));
  EXPECT_TRUE(replica.whole());
}

TEST(GroupReplica, AStateIsDueWhereASegmentBegins) {
  GroupReplica replica;
  replica.Feed(0, "a-1", "create 0");
  replica.Feed(1, "a-2", "take 1 1 0 1-9");
  EXPECT_FALSE(replica.state_is_due());
  // RabbitMQ kept 2 to itself.
  replica.Feed(3, "a-3", "ack 1");
  EXPECT_TRUE(replica.state_is_due());
  replica.Feed(4, "a-4", "state 1 0\n");
  EXPECT_TRUE(replica.state_is_due()) << "what came between is lost with the segment before";
  replica.Feed(5, "a-5", "state 99 0\n");
  EXPECT_TRUE(replica.state_is_due()) << "it speaks of what is not there yet";
  replica.Feed(6, "a-6", replica.StateStep());
  EXPECT_FALSE(replica.state_is_due());
}

TEST(GroupReplica, ALogWithoutABeginningIsLostUntilAStateComes) {
  GroupReplica replica;
  EXPECT_FALSE(replica.lost()) << "nothing is there yet";
  replica.Feed(7, "a-1", "ack 1");
  EXPECT_TRUE(replica.lost());
  EXPECT_FALSE(replica.state_is_due());
  replica.Feed(8, "a-2", "state 5 3\np 2-3 1 1\n");
  EXPECT_TRUE(replica.lost()) << "6 is missing";
  replica.Feed(9, "a-3", "state 7 3\np 2-3 1 1\n");
  EXPECT_FALSE(replica.lost());
  EXPECT_EQ(replica.state().pending().size(), 2U);
}

TEST(GroupStamp, WritersThatAStateCouldNotNameAreNoWriters) {
  EXPECT_TRUE(ParseStamp(StampText(std::string(64, 'a'), 1)));
  EXPECT_TRUE(ParseStamp("a-b_C9-7"));
  EXPECT_FALSE(ParseStamp(StampText(std::string(65, 'a'), 1)));
  EXPECT_FALSE(ParseStamp("a b-1"));
  EXPECT_FALSE(ParseStamp("a\nw-1"));
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
