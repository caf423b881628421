#include <tidings/messaging/dead_letters.hpp>

#include <gmock/gmock.h>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

class DeadLettersTest : public RouterFixture {
 protected:
  // So many letters in the dead letters of "q", each second one rejected, the others failed.
  void Kill(int count) {
    for (int i = 0; i < count; ++i) {
      Publish(Message::WithId("id" + std::to_string(i), "order", std::to_string(i)));
      auto popped = runner_.Run(transport_.Pop("q", 0ms));
      ASSERT_TRUE(popped && *popped);
      const auto reason = i % 2 == 1 ? DeathReason::kRejected : DeathReason::kFailed;
      ASSERT_TRUE(runner_.Run((*popped)->Bury(reason, "bad", timers_.Now())));
    }
  }
  std::vector<std::string> Bodies(const Selection& select = Selection()) {
    std::vector<std::string> bodies;
    for (const Message& letter : *runner_.Run(dead_.Peek("q", select))) bodies.push_back(letter.body);
    return bodies;
  }
  DeadLetters dead_{transport_, timers_, &ledger_};
};

TEST_F(DeadLettersTest, ListsQueuesThatHaveSome) {
  EXPECT_TRUE(runner_.Run(dead_.List())->empty());
  Kill(3);
  const auto queues = runner_.Run(dead_.List());
  ASSERT_EQ(queues->size(), 1U);
  EXPECT_EQ(queues->front().queue, "q");
  EXPECT_EQ(queues->front().letters, 3U);
}

TEST_F(DeadLettersTest, PeekingLeavesThemInTheirOrder) {
  Kill(4);
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "1", "2", "3"));
  Selection two;
  two.most = 2;
  EXPECT_THAT(Bodies(two), ::testing::ElementsAre("0", "1"));
  Selection rejected;
  rejected.reason = "rejected";
  EXPECT_THAT(Bodies(rejected), ::testing::ElementsAre("1", "3"));
  Selection one;
  one.ids = {"id2"};
  EXPECT_THAT(Bodies(one), ::testing::ElementsAre("2"));
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(Stats("q.dead").unsettled, 0U);
}

TEST_F(DeadLettersTest, OfAQueueThatIsMissingAreAnError) {
  const auto peeked = runner_.Run(dead_.Peek("nowhere"));
  ASSERT_FALSE(peeked);
  EXPECT_EQ(peeked.error().code(), ErrorCode::kNotFound);
}

TEST_F(DeadLettersTest, EditsOneAndKeepsItsId) {
  Kill(3);
  ASSERT_TRUE(runner_.Run(dead_.Edit("q", "id1", [](Message& letter) {
    letter.body = "mended";
    letter.id = "other";
  })));
  EXPECT_THAT(Bodies(), ::testing::UnorderedElementsAre("0", "mended", "2"));
  Selection one;
  one.ids = {"id1"};
  EXPECT_THAT(Bodies(one), ::testing::ElementsAre("mended"));
  const Status missing = runner_.Run(dead_.Edit("q", "id9", [](Message&) {}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Stats("q.dead").ready, 3U);
}

TEST_F(DeadLettersTest, AnEditThatIsRefusedLeavesThemAsTheyWere) {
  Kill(3);
  const Status refused =
      runner_.Run(dead_.Edit("q", "id1", [](Message& letter) { letter.body.assign(Message::kMostBody + 1, 'x'); }));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kTooLarge);
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "1", "2"));
}

TEST_F(DeadLettersTest, ReplaysWhatIsSelectedWithNothingLeftOfItsDeath) {
  Kill(4);
  ReplayOptions options;
  options.select.reason = "rejected";
  options.per_second = 0;
  const auto report = runner_.Run(dead_.Replay("q", options));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->looked_at, 4U);
  EXPECT_EQ(report->selected, 2U);
  EXPECT_EQ(report->replayed, 2U);
  const auto back = Take("q");
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].id, "id1");
  EXPECT_EQ(back[0].headers, (Headers{{"tidings-replays", "1"}}));
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "2"));
}

TEST_F(DeadLettersTest, ReplaysElsewhere) {
  Kill(1);
  ReplayOptions options;
  options.to = "out";
  ASSERT_TRUE(runner_.Run(dead_.Replay("q", options)));
  EXPECT_EQ(Take("out").size(), 1U);
  EXPECT_TRUE(Take("q").empty());
}

TEST_F(DeadLettersTest, KeepsTheLetterWhoseReplayIsRefused) {
  Kill(2);
  ReplayOptions options;
  options.to = "nowhere";
  const auto report = runner_.Run(dead_.Replay("q", options));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "1"));
}

TEST_F(DeadLettersTest, ReplaysNoFasterThanItIsTold) {
  Kill(5);
  ReplayOptions options;
  options.per_second = 2;
  bool done = false;
  runner_.Spawn([](DeadLetters& dead, ReplayOptions slow, bool& over) -> Task<void> {
    const auto report = co_await dead.Replay("q", slow);
    EXPECT_TRUE(report);
    over = true;
  }(dead_, options, done));
  runner_.Poll();
  EXPECT_EQ(Stats().ready, 1U);
  Advance(499ms);
  EXPECT_EQ(Stats().ready, 1U);
  Advance(1ms);
  EXPECT_EQ(Stats().ready, 2U);
  Advance(1'500ms);
  EXPECT_TRUE(done);
  EXPECT_EQ(Stats().ready, 5U);
}

TEST_F(DeadLettersTest, PurgesAndCountsIt) {
  Kill(4);
  Selection rejected;
  rejected.reason = "rejected";
  EXPECT_EQ(*runner_.Run(dead_.Purge("q", rejected)), 2U);
  EXPECT_THAT(Bodies(), ::testing::ElementsAre("0", "2"));
  EXPECT_EQ(*runner_.Run(dead_.Purge("q")), 2U);
  EXPECT_TRUE(Bodies().empty());
  EXPECT_EQ(ledger_.Of(LossCause::kPurged), 4U);
}

}  // namespace
}  // namespace tidings::messaging
