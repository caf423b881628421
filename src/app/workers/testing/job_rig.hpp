// JobRig: a kind's job on a lane's file of its own, without a queue.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include <tidings/messaging/memory_transport.hpp>

#include "lane_store.hpp"
#include "worker_kind.hpp"

namespace tidings::app {

class JobRig {
 public:
  // REQUIRES: the kind outlives the rig's use.
  void Open(const std::filesystem::path& file, WorkerKind& kind) {
    kind_ = &kind;
    auto opened = LaneStore::Open(context_.get_executor(), file, kind.schema());
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  // Until the task has ended.
  void Run(messaging::Task<void> task) {
    const auto guard = boost::asio::make_work_guard(context_);
    context_.restart();
    std::exception_ptr thrown;
    boost::asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& error) {
      thrown = error;
      context_.stop();
    });
    context_.run();
    if (thrown) std::rethrow_exception(thrown);
  }
  void Write(LaneStore::Effect effect) {
    Run([](LaneStore& store, LaneStore::Effect writes) -> messaging::Task<void> {
      const Status written = co_await store.Write(std::move(writes));
      EXPECT_TRUE(written) << written.error().message();
    }(*store_, std::move(effect)));
  }
  std::unique_ptr<LaneJob> MakeJob() { return MakeJob(timers_); }
  std::unique_ptr<LaneJob> MakeJob(messaging::Timers& timers) {
    return kind_->MakeJob(LaneGround(*store_, transport_, timers, "worker"));
  }
  // Commits what the job makes of the piece.
  void Handle(LaneJob& job, const messaging::Message& piece) {
    Run([](LaneStore& store, LaneJob& handling, const messaging::Message& message) -> messaging::Task<void> {
      auto unit = co_await store.Begin();
      EXPECT_TRUE(unit);
      const Status handled = handling.Handle(message, (*unit)->As<LaneUnit>());
      EXPECT_TRUE(handled) << handled.error().message();
      const Status committed = co_await (*unit)->Commit();
      EXPECT_TRUE(committed) << committed.error().message();
    }(*store_, job, piece));
  }
  // Goes on until it holds; fails after half a minute.
  void Until(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      context_.restart();
      if (context_.run_one_for(std::chrono::milliseconds(1)) > 0) context_.poll();
    }
  }
  // Begins a job and ends it: what it does at once is done then.
  void RunOnce() {
    const auto job = MakeJob();
    Run([](JobRig& rig, LaneJob& running) -> messaging::Task<void> {
      running.Begin();
      // What was begun comes first.
      std::ignore = co_await rig.store_->Write([](sqlite::Database&) {});
      co_await running.End(std::chrono::seconds(10));
    }(*this, *job));
  }
  sqlite::Database& database() { return store_->database(); }
  messaging::SystemTimers& timers() { return timers_; }
  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_{1};
  messaging::SystemTimers timers_{context_.get_executor()};
  messaging::MemoryTransport transport_{context_.get_executor(), timers_};
  WorkerKind* kind_ = nullptr;
  std::unique_ptr<LaneStore> store_;
};

}  // namespace tidings::app
