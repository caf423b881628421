#include "lane_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

using messaging::Recorded;
using messaging::Task;

class LaneStoreTest : public ::testing::Test {
 protected:
  LaneStoreTest() { Open(); }
  void Open() {
    store_.reset();
    auto opened = LaneStore::Open(context_.get_executor(), folder_.File("lane.db"),
                                  "CREATE TABLE IF NOT EXISTS n (value INTEGER NOT NULL CHECK (value <> 13))");
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  void Spawn(Task<void> task) {
    ++running_;
    boost::asio::co_spawn(context_, std::move(task), [this](const std::exception_ptr&) {
      if (--running_ == 0) context_.stop();
    });
  }
  // Until all have ended.
  void Run() {
    const auto guard = boost::asio::make_work_guard(context_);
    context_.restart();
    if (running_ > 0) context_.run();
  }
  static LaneStore::Effect Insert(int value) {
    return [value](sqlite::Database& database) {
      sqlite::Statement(database, "INSERT INTO n VALUES (?1)").Execute(value);
    };
  }
  std::int64_t Count() { return store_->database().Number("SELECT count(*) FROM n"); }

  static Task<void> Handle(LaneStore& store, std::string id, int value, std::vector<std::string>& said) {
    auto begun = co_await store.Begin();
    LaneUnit& unit = (*begun)->As<LaneUnit>();
    const auto recorded = co_await unit.Record(id, "c", 1);
    if (!recorded) {
      said.push_back("busy");
      co_return;
    }
    if (*recorded == Recorded::kBefore) {
      said.push_back("before");
      co_return;
    }
    unit.Write(Insert(value));
    const Status committed = co_await unit.Commit();
    said.push_back(committed ? "done" : "failed");
  }

  TempFolder folder_;
  boost::asio::io_context context_{1};
  std::unique_ptr<LaneStore> store_;
  std::vector<std::string> said_;
  int running_ = 0;
};

TEST_F(LaneStoreTest, WhatComesAgainChangesNothingAlsoAfterItWasOpenedAgain) {
  Spawn(Handle(*store_, "1", 1, said_));
  Run();
  Spawn(Handle(*store_, "1", 1, said_));
  Run();
  Open();
  Spawn(Handle(*store_, "1", 1, said_));
  Run();
  EXPECT_EQ(said_, (std::vector<std::string>{"done", "before", "before"}));
  EXPECT_EQ(Count(), 1);
}

TEST_F(LaneStoreTest, OneThatFailsSpoilsNoOtherAndIsNotRecorded) {
  for (int i = 10; i < 20; ++i) Spawn(Handle(*store_, std::to_string(i), i, said_));
  Run();
  EXPECT_EQ(std::ranges::count(said_, "done"), 9);
  EXPECT_EQ(std::ranges::count(said_, "failed"), 1);
  EXPECT_EQ(Count(), 9);
  Spawn(Handle(*store_, "13", 14, said_));
  Run();
  EXPECT_EQ(said_.back(), "done");
}

TEST_F(LaneStoreTest, ForgetsWhatIsOld) {
  Spawn(Handle(*store_, "1", 1, said_));
  Run();
  std::uint64_t forgotten = 0;
  const auto forget = [](LaneStore& store, std::uint64_t& count) -> Task<void> {
    count = (co_await store.Forget(2)).value_or(0);
  };
  Spawn(forget(*store_, forgotten));
  Run();
  EXPECT_EQ(forgotten, 1U);
  Spawn(Handle(*store_, "1", 1, said_));
  Run();
  EXPECT_EQ(said_.back(), "done");
}

}  // namespace
}  // namespace tidings::app
