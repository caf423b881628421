// Job: a call on its way to the thread that works on the file, and back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/prefer.hpp>

#include <tidings/messaging/task.hpp>

#include "desk.hpp"

namespace tidings::messaging::embedded {

class Job {
 public:
  // An essential one lets something go; it is kept until it can be done where others are refused.
  explicit Job(bool essential) : essential_(essential) {}
  virtual ~Job() = default;

  // Worker's thread. May be called again after a rollback.
  virtual void Run(Desk& desk) = 0;
  // Worker's thread: this is the outcome.
  virtual void Refuse(const Error& error) = 0;
  // The executor, once the outcome is durable.
  virtual void Finish() = 0;
  bool essential() const { return essential_; }

 private:
  bool essential_;
};

using Jobs = std::vector<std::unique_ptr<Job>>;

// `done` may be empty: nobody waits.
template <class T>
class JobOf final : public Job {
 public:
  using Work = std::move_only_function<Result<T>(Desk&)>;
  using Done = std::move_only_function<void(Result<T>)>;

  JobOf(bool essential, Work work, Done done, Executor executor)
      : Job(essential),
        work_(std::move(work)),
        done_(std::move(done)),
        executor_(boost::asio::prefer(std::move(executor), boost::asio::execution::outstanding_work.tracked)) {}

  void Run(Desk& desk) override { outcome_.emplace(work_(desk)); }
  void Refuse(const Error& error) override { outcome_.emplace(std::unexpected(error)); }
  void Finish() override {
    if (done_) std::exchange(done_, nullptr)(*std::move(outcome_));
  }

 private:
  Work work_;
  Done done_;
  std::optional<Result<T>> outcome_;
  Executor executor_;  // has work as long as this is on its way
};

}  // namespace tidings::messaging::embedded
