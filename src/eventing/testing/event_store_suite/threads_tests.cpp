// Many threads at once, bounds, and the end.
#include <atomic>
#include <map>
#include <thread>

#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

TEST_P(EventStoreSuite, ManyThreadsAppendAndReadAtOnce) {
  constexpr int kThreads = 6;
  constexpr int kEach = 60;
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    Position after = 0;
    std::map<StreamKey, Version> versions;
    while (true) {
      const bool last = ended;
      const auto page = store().ReadAll(after, 50);
      ASSERT_TRUE(page) << page.error().message();
      for (const auto& event : *page) {
        ASSERT_EQ(event.position, after + 1) << "an event was passed over";
        ASSERT_EQ(event.version, ++versions[event.stream]);
        after = event.position;
      }
      if (last && page->empty()) break;
    }
    EXPECT_EQ(after, Position{kThreads * kEach * 2});
  });
  std::vector<std::thread> writers;
  for (int thread = 0; thread < kThreads; ++thread) {
    writers.emplace_back([&, thread] {
      const std::string own = "own " + std::to_string(thread);
      for (int i = 0; i < kEach; ++i) {
        const auto mine = store().AppendAndWait(own, Expected::At(static_cast<Version>(i)), Events({"mine"}));
        ASSERT_TRUE(mine) << mine.error().message();
        ASSERT_TRUE(store().AppendAndWait("shared", Expected::Any(), {Event(own)}));
        const auto read = store().ReadStream(own, mine->last, 1);
        ASSERT_TRUE(read && read->size() == 1) << "an acknowledged event is not there";
      }
    });
  }
  for (auto& writer : writers) writer.join();
  ended = true;
  reader.join();
  EXPECT_EQ(Data("shared").size(), std::size_t{kThreads * kEach});
}

TEST_P(EventStoreSuite, OneOfTheRacersForAVersionWins) {
  constexpr int kThreads = 4;
  std::vector<std::thread> racers;
  std::atomic<int> wins{0};
  for (int thread = 0; thread < kThreads; ++thread) {
    racers.emplace_back([&] {
      for (Version version = 0; version < 50; ++version) {
        wins += store().AppendAndWait("room", Expected::At(version), Events({"won"})).has_value();
      }
    });
  }
  for (auto& racer : racers) racer.join();
  EXPECT_EQ(wins, 50);
  EXPECT_EQ(Data("room").size(), 50U);
}

TEST_P(EventStoreSuite, TurnsAwayWhatIsPastItsQueue) {
  Setting setting;
  setting.queue = 3;
  Open(setting, false);
  std::vector<int> calls(5);
  std::vector<Status> outcomes(5);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto caller = std::this_thread::get_id();
    const auto done = [&, i, caller](const Status& status) {
      ++calls[i];
      outcomes[i] = status;
      EXPECT_EQ(i >= 3, std::this_thread::get_id() == caller);
    };
    store().Submit(std::make_unique<TestUnit>(Appending("room", std::to_string(i)), done));
  }
  EXPECT_EQ(calls, (std::vector<int>{0, 0, 0, 1, 1}));
  EXPECT_EQ(outcomes[3].error().code(), ErrorCode::kUnavailable);
  subject().Start();
  subject().Close();
  EXPECT_EQ(calls, (std::vector<int>{1, 1, 1, 1, 1}));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(outcomes[i]);
}

TEST_P(EventStoreSuite, ClosingAnswersEveryUnitOnce) {
  constexpr std::size_t kUnits = 400;
  std::vector<std::atomic<int>> calls(kUnits);
  std::atomic<std::size_t> stored{0};
  std::thread submitter([&] {
    for (std::size_t i = 0; i < kUnits; ++i) {
      store().Submit(std::make_unique<TestUnit>(Appending("room", "x"), [&, i](const Status& outcome) {
        ++calls[i];
        stored += outcome.has_value();
        if (!outcome) EXPECT_EQ(outcome.error().code(), ErrorCode::kUnavailable);
      }));
      if (i % 50 == 0) std::this_thread::yield();
    }
  });
  subject().Close();
  submitter.join();
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  const Status late = Do([](Transaction&) -> Status { return {}; });
  EXPECT_EQ(late.error().code(), ErrorCode::kUnavailable);
  if (GetParam().features.persistent) {
    subject().Reopen();
    EXPECT_EQ(Data("room").size(), stored);
  }
}

TEST_P(EventStoreSuite, AStoreThatNeverStartedTurnsItsUnitsAway) {
  Open({}, false);
  std::vector<ErrorCode> codes;
  store().Submit(std::make_unique<TestUnit>(Appending("room", "x"),
                                            [&](const Status& outcome) { codes.push_back(outcome.error().code()); }));
  subject().Close();
  EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::kUnavailable}));
}

}  // namespace
}  // namespace tidings::eventing::testing
