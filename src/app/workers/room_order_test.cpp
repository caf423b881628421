// The order by numbers, in a lane over the memory transport, by virtual time.
#include "room_order.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include <tidings/messaging/memory_transport.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "lane.hpp"
#include "testing/notes_job.hpp"

namespace tidings::app {
namespace {

using messaging::Message;
using messaging::Task;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kQueue = "tidings.worker.notes.0";

class RoomOrderTest : public ::testing::Test {
 protected:
  RoomOrderTest() {
    messaging::Topology topology;
    topology.AddQueue(std::string(kQueue));
    EXPECT_TRUE(Run(transport_.Declare(std::move(topology))));
  }
  ~RoomOrderTest() override {
    if (lane_) Stop();
  }

  bool Until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      context_.restart();
      const auto guard = boost::asio::make_work_guard(context_);
      context_.run_one_for(5ms);
    }
    return true;
  }
  template <class T>
  T Run(Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    EXPECT_TRUE(Until([&] { return result.has_value(); }));
    return std::move(*result);
  }

  void Start() {
    LaneOptions options;
    options.file = folder_.File("lane.db");
    options.queue = kQueue;
    options.consumer = "tidings.worker.notes";
    options.bounds = bounds_;
    lane_ = std::make_unique<Lane>(std::move(options), kind_, transport_, timers_);
    const Status started = Run(lane_->Start());
    ASSERT_TRUE(started) << started.error().message();
  }
  void Stop() {
    const auto stop = [](Lane& lane) -> Task<bool> {
      co_await lane.Stop(5s);
      co_return true;
    };
    Run(stop(*lane_));
    lane_.reset();
  }
  void Publish(Message message) {
    ASSERT_TRUE(Run(transport_.Publish(messaging::Address::Queue(std::string(kQueue)), std::move(message),
                                       messaging::PublishOptions())));
  }
  static Message Event(std::uint64_t number, const std::string& body, const std::string& room = "r") {
    auto message = Message::WithId(room + "-" + std::to_string(number), "message.created", body);
    message.key = room;
    message.headers.Set("seq", std::to_string(number));
    return message;
  }
  void Send(std::initializer_list<std::uint64_t> numbers, const std::string& room = "r") {
    for (const std::uint64_t number : numbers) Publish(Event(number, std::to_string(number), room));
  }
  // Everything is handled or waits in the file.
  void Settle() {
    ASSERT_TRUE(Until([&] {
      const auto stats = Run(transport_.Stats(std::string(kQueue)));
      return stats && stats->ready + stats->unsettled + stats->delayed == 0;
    }));
  }
  // What becomes due by it is done when the notes say so.
  void Advance(std::chrono::milliseconds by) {
    timers_.Advance(by);
    context_.restart();
    context_.poll();
  }
  std::vector<std::string> Notes(const std::string& room = "r") {
    std::vector<std::string> notes;
    sqlite::Database database(folder_.File("lane.db"), sqlite::Database::Mode::kReader);
    sqlite::Statement of(database, "SELECT body FROM notes WHERE room = ?1 ORDER BY number");
    for (auto rows = of.Query(room); rows.Next();) notes.emplace_back(rows.Text(0));
    return notes;
  }
  bool Come(const std::vector<std::string>& notes, const std::string& room = "r") {
    return Until([&] { return Notes(room) == notes; });
  }
  std::uint64_t Early() { return Asked().EarlyCount(); }
  RoomOrderCounts Counts() { return Asked().Counts(); }
  std::optional<std::uint64_t> Position(const std::string& room) { return Asked().Position(room); }
  std::uint64_t Dead() {
    const auto stats = Run(transport_.Stats(std::string(kQueue) + ".dead"));
    return stats ? stats->ready : 0;
  }

  TempFolder folder_;
  boost::asio::io_context context_{1};
  messaging::VirtualTimers timers_;
  messaging::MemoryTransport transport_{context_.get_executor(), timers_};
  int failures_ = 0;
  NotesKind kind_{failures_, true};
  RoomOrderBounds bounds_;
  std::unique_ptr<Lane> lane_;

 private:
  RoomRows& Asked() {
    asked_ = std::make_unique<sqlite::Database>(folder_.File("lane.db"), sqlite::Database::Mode::kReader);
    return asked_->Slot<RoomRows>();
  }
  std::unique_ptr<sqlite::Database> asked_;
};

TEST_F(RoomOrderTest, WhatComesInAnotherOrderIsHandledInThatOfTheNumbers) {
  Start();
  Send({1, 2, 5, 4, 3, 6});
  Send({1, 3, 2}, "other");
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_THAT(Notes("other"), ElementsAre("1", "2", "3"));
  EXPECT_EQ(Early(), 0U);
  EXPECT_EQ(Position("r"), 6U);
}

TEST_F(RoomOrderTest, ARepeatIsDroppedWhereverTheFirstIs) {
  Start();
  Send({1, 2, 1, 2, 4, 4, 3, 3, 4, 1});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(Counts().late, 0U);
}

TEST_F(RoomOrderTest, WaitsForWhatIsMissing) {
  Start();
  Send({1, 3, 4});
  Send({1, 2}, "other");
  Settle();
  EXPECT_THAT(Notes("other"), ElementsAre("1", "2"));
  Advance(29s);
  EXPECT_THAT(Notes(), ElementsAre("1"));
  EXPECT_EQ(Early(), 2U);
  Send({2});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3", "4"));
  Advance(60s);
  EXPECT_EQ(Counts().missed, 0U);
}

TEST_F(RoomOrderTest, GoesOnOverAGapThatDoesNotCloseAndTakesWhatComesAfterAll) {
  Start();
  Send({1, 4, 5});
  Settle();
  Advance(bounds_.gap);
  ASSERT_TRUE(Come({"1", "4", "5"}));
  EXPECT_EQ(Counts().missed, 2U);
  Send({3, 6, 3});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "4", "5", "3", "6"));
  EXPECT_EQ(Counts().late, 1U);
  // The next gap has its own time.
  Send({8});
  Settle();
  Advance(bounds_.gap - 1ms);
  EXPECT_EQ(Notes().size(), 5U);
  Advance(1ms);
  ASSERT_TRUE(Come({"1", "4", "5", "3", "6", "8"}));
}

TEST_F(RoomOrderTest, TheNextGapBeginsToWaitWhenTheOneBeforeClosed) {
  Start();
  Send({1, 3, 5});
  Settle();
  Advance(20s);
  Send({2});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3"));
  Advance(29s);
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3"));
  // Neither a repeat nor what is late changes that.
  Send({2, 3});
  Settle();
  Advance(1s);
  ASSERT_TRUE(Come({"1", "2", "3", "5"}));
}

TEST_F(RoomOrderTest, WhatWaitsOutlastsARestart) {
  Start();
  Send({1, 3, 4, 6});
  Settle();
  Stop();
  Start();
  Send({2, 3});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2", "3", "4"));
  Stop();
  Start();
  Advance(bounds_.gap);
  ASSERT_TRUE(Come({"1", "2", "3", "4", "6"}));
}

TEST_F(RoomOrderTest, MoreThanThePrefetchMayComeEarly) {
  Start();
  constexpr std::uint64_t kMany = 1'500;
  std::vector<std::string> all{"1", "2"};
  Send({1});
  for (std::uint64_t number = 3; number <= kMany; ++number) {
    Send({number});
    all.push_back(std::to_string(number));
  }
  Settle();
  EXPECT_EQ(Early(), kMany - 2);
  Send({2});
  Settle();
  EXPECT_EQ(Notes(), all);
}

TEST_F(RoomOrderTest, WhatHasWaitedLongestGoesOnWhereTooMuchWaits) {
  bounds_.most = 4;
  Start();
  Send({1, 3, 5});
  Settle();
  Advance(1s);
  Send({1, 3, 4}, "other");
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1"));
  Send({6}, "other");
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "3"));
  EXPECT_THAT(Notes("other"), ElementsAre("1"));
  EXPECT_EQ(Early(), 4U);
}

TEST_F(RoomOrderTest, AnUnknownRoomBeginsWithTheLowestThatComesWithinTheLook) {
  Start();
  Send({1, 2}, "new");
  Send({43, 41, 42}, "old");
  Settle();
  EXPECT_THAT(Notes("new"), ElementsAre("1", "2"));
  EXPECT_THAT(Notes("old"), IsEmpty());
  Advance(bounds_.look);
  ASSERT_TRUE(Come({"41", "42", "43"}, "old"));
  EXPECT_EQ(Counts().missed, 0U);
  Send({44}, "old");
  Settle();
  EXPECT_THAT(Notes("old"), ElementsAre("41", "42", "43", "44"));
}

TEST_F(RoomOrderTest, WhatIsNoUseTakesItsPlaceAndIsBuriedAlsoAfterItWaited) {
  Start();
  Send({1});
  Publish(Event(2, "bad"));
  Send({3, 6});
  Publish(Event(5, "bad"));
  Send({4});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "3", "4", "6"));
  EXPECT_EQ(Dead(), 2U);
  EXPECT_EQ(Early(), 0U);
}

TEST_F(RoomOrderTest, WhatFailsForNowIsTriedAgainInItsPlace) {
  Start();
  Send({1, 4});
  Publish(Event(3, "later"));
  Send({2});
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "2"));
  Advance(1s);
  ASSERT_TRUE(Come({"1", "2", "later", "4"}));
  EXPECT_EQ(Counts().missed, 0U);
}

TEST_F(RoomOrderTest, WhatBearsNoNumberIsHandledAsItComes) {
  Start();
  Send({1, 3});
  auto plain = Message::WithId("plain", "message.created", "plain");
  plain.key = "r";
  Publish(plain);
  Settle();
  EXPECT_THAT(Notes(), ElementsAre("1", "plain"));
}

TEST_F(RoomOrderTest, ForgetsRoomsThatWereSilentForLong) {
  Start();
  Send({1});
  Settle();
  EXPECT_EQ(Position("r"), 1U);
  Advance(std::chrono::days(92));
  EXPECT_TRUE(Until([&] { return !Position("r"); }));
}

// Whatever order they come in, however often, and however often the lane is stopped meanwhile.
TEST_F(RoomOrderTest, EachIsHandledOnceInOrderAfterAnyHistory) {
  constexpr std::uint64_t kEach = 60;
  std::mt19937 random(7);
  std::vector<Message> events;
  std::vector<std::string> all;
  for (std::uint64_t number = 1; number <= kEach; ++number) {
    all.push_back(std::to_string(number));
    for (const char* room : {"a", "b", "c"}) {
      const std::uint32_t times = 1 + random() % 2;
      for (std::uint32_t i = 0; i < times; ++i) events.push_back(Event(number, std::to_string(number), room));
    }
  }
  std::ranges::shuffle(events, random);
  Start();
  for (std::size_t i = 0; i < events.size(); ++i) {
    Publish(events[i]);
    if (i % 40 != 39) continue;
    Stop();
    Start();
  }
  Settle();
  for (const char* room : {"a", "b", "c"}) EXPECT_TRUE(Come(all, room)) << room;
  EXPECT_EQ(Early(), 0U);
  EXPECT_EQ(Counts().missed, 0U);
  EXPECT_EQ(Counts().late, 0U);
}

}  // namespace
}  // namespace tidings::app
