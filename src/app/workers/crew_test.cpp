#include "crew.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>

#include <tidings/messaging/dead_letters.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "testing/notes_job.hpp"

namespace tidings::app {
namespace {

using messaging::Message;
using messaging::Task;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

class CrewTest : public ::testing::Test {
 protected:
  Task<void> Declare() {
    messaging::Topology topology;
    topology.AddExchange("tidings.events", messaging::ExchangeKind::kTopic);
    const Status declared = co_await transport_.Declare(std::move(topology));
    EXPECT_TRUE(declared);
  }
  template <class T>
  auto Run(Task<T> task) {
    const auto guard = boost::asio::make_work_guard(context_);
    context_.restart();
    std::exception_ptr thrown;
    if constexpr (std::is_void_v<T>) {
      boost::asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& error) {
        thrown = error;
        context_.stop();
      });
      context_.run();
      if (thrown) std::rethrow_exception(thrown);
    } else {
      std::optional<T> result;
      boost::asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& error, T value) {
        thrown = error;
        result = std::move(value);
        context_.stop();
      });
      context_.run();
      if (thrown) std::rethrow_exception(thrown);
      return std::move(*result);
    }
  }
  CrewTest() { Run(Declare()); }
  ~CrewTest() override {
    if (crew_) Run(crew_->Stop(1s));
  }

  Status Start() {
    CrewOptions options(folder_.path());
    options.lanes = lanes_;
    crew_ = std::make_unique<Crew>(std::make_unique<NotesKind>(failures_), std::move(options), transport_, timers_);
    return Run(crew_->Start());
  }
  void Stop() {
    Run(crew_->Stop(5s));
    crew_.reset();
  }
  void Send(const std::string& id, const std::string& room, const std::string& body) {
    auto message = Message::WithId(id, "message.created", body);
    message.key = room;
    ASSERT_TRUE(Run(transport_.Publish(messaging::Address::Exchange("tidings.events", "message.created"),
                                       std::move(message), messaging::PublishOptions())));
  }
  std::uint64_t Dead() {
    const auto stats = Run(transport_.Stats("tidings.worker.notes.dead"));
    return stats ? stats->ready : 0;
  }
  void Settle() {
    Run([](CrewTest& test) -> Task<void> {
      for (int i = 0; i < 3'000; ++i) {
        const auto stats = co_await test.transport_.Stats("tidings.worker.notes");
        if (!stats || stats->ready + stats->unsettled + stats->delayed == 0) co_return;
        co_await test.timers_.Sleep(10ms);
      }
    }(*this));
  }
  bool Until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      Run([](CrewTest& test) -> Task<void> { co_await test.timers_.Sleep(5ms); }(*this));
    }
    return true;
  }
  // How much was noted of a room in a lane; none if its file is not there yet.
  std::size_t NotesOf(std::size_t lane, const std::string& room) {
    try {
      sqlite::Database database(folder_.File("workers/notes/lane-" + std::to_string(lane) + ".db"),
                                sqlite::Database::Mode::kReader);
      return static_cast<std::size_t>(
          sqlite::Statement(database, "SELECT count(*) FROM notes WHERE room = ?1").Number(room).value_or(0));
    } catch (const StoreFailure&) {
      return 0;
    }
  }
  // What was noted of a room, whatever its lane.
  std::vector<std::string> Notes(const std::string& room) {
    std::vector<std::string> notes;
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
      const std::string file = folder_.File("workers/notes/lane-" + std::to_string(lane) + ".db");
      sqlite::Database database(file, sqlite::Database::Mode::kReader);
      sqlite::Statement of(database, "SELECT body FROM notes WHERE room = ?1 ORDER BY number");
      for (auto rows = of.Query(room); rows.Next();) notes.emplace_back(rows.Text(0));
    }
    return notes;
  }

  TempFolder folder_;
  boost::asio::io_context context_{1};
  messaging::SystemTimers timers_{context_.get_executor()};
  messaging::MemoryTransport transport_{context_.get_executor(), timers_};
  std::size_t lanes_ = 4;
  int failures_ = 0;
  std::unique_ptr<Crew> crew_;
};

TEST_F(CrewTest, HandlesEachEventOnceAndInTheOrderOfItsRoom) {
  ASSERT_TRUE(Start());
  for (int i = 0; i < 3; ++i) {
    Send("a" + std::to_string(i), "ra", std::to_string(i));
    Send("b" + std::to_string(i), "rb", std::to_string(i));
    Send("a0", "ra", "0");
  }
  Settle();
  EXPECT_THAT(Notes("ra"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(Notes("rb"), ElementsAre("0", "1", "2"));
}

TEST_F(CrewTest, GoesOnWhereTheOneBeforeEnded) {
  ASSERT_TRUE(Start());
  Send("1", "r", "1");
  Settle();
  Stop();
  Send("1", "r", "1");
  Send("2", "r", "2");
  ASSERT_TRUE(Start());
  Settle();
  EXPECT_THAT(Notes("r"), ElementsAre("1", "2"));
}

TEST_F(CrewTest, WhatIsNoUseIsBuriedAndWhatFailedComesAgainInItsPlace) {
  ASSERT_TRUE(Start());
  Send("1", "r", "bad");
  Send("2", "r", "later");
  Send("3", "r", "3");
  Settle();
  EXPECT_EQ(Dead(), 1U);
  EXPECT_THAT(Notes("r"), ElementsAre("later", "3"));
}

TEST_F(CrewTest, ASecondOneOnTheFolderIsRefusedWhereTheQueuesAreNotShared) {
  ASSERT_TRUE(Start());
  auto first = std::move(crew_);
  const Status second = Start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  Stop();
  crew_ = std::move(first);
}

TEST_F(CrewTest, LanesWhoseFilesCannotBeOpenedHoldUpNoOthersAndAreTriedAgain) {
  const auto file = [&](std::size_t lane) {
    return folder_.File("workers/notes/lane-" + std::to_string(lane) + ".db");
  };
  for (const std::size_t lane : {1, 2}) std::filesystem::create_directories(file(lane));
  std::map<std::size_t, std::string> rooms;
  for (int i = 0; rooms.size() < lanes_; ++i) {
    const std::string room = "r" + std::to_string(i);
    rooms.emplace(LaneOf(room, lanes_), room);
  }
  ASSERT_TRUE(Start());
  for (const auto& [lane, room] : rooms) Send(room, room, "1");
  const auto opened = [&](std::size_t lane) { return std::filesystem::is_regular_file(file(lane)); };
  EXPECT_TRUE(Until([&] { return NotesOf(0, rooms[0]) == 1 && NotesOf(3, rooms[3]) == 1; }));
  EXPECT_EQ(crew_->lanes(), 2U);
  // The first of them stays as it is.
  std::filesystem::remove(file(2));
  EXPECT_TRUE(Until([&] { return opened(2) && NotesOf(2, rooms[2]) == 1; }));
  EXPECT_EQ(crew_->lanes(), 3U);
  std::filesystem::remove(file(1));
  EXPECT_TRUE(Until([&] { return opened(1) && NotesOf(1, rooms[1]) == 1; }));
  EXPECT_EQ(Dead(), 0U);
}

TEST_F(CrewTest, DoesNotStartWhereNoLaneCanBeOpened) {
  for (std::size_t lane = 0; lane < lanes_; ++lane) {
    std::filesystem::create_directories(folder_.File("workers/notes/lane-" + std::to_string(lane) + ".db"));
  }
  EXPECT_FALSE(Start());
}

TEST_F(CrewTest, TheNumberOfLanesStays) {
  ASSERT_TRUE(Start());
  Stop();
  lanes_ = 8;
  const Status started = Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace tidings::app
