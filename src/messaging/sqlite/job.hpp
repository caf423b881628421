// Job: a call on its way to the thread that works on the file, and back.
#pragma once

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

// `Work` makes a Result<T> of the desk, `Done` takes it: of their own types, so that a job is one piece of memory.
template <class T, class Work, class Done>
class JobOf final : public Job {
 public:
  JobOf(bool essential, Work work, Done done) : Job(essential), work_(std::move(work)), done_(std::move(done)) {}

  void Run(Desk& desk) override { outcome_.emplace(work_(desk)); }
  void Refuse(const Error& error) override { outcome_.emplace(std::unexpected(error)); }
  void Finish() override { std::move(done_)(*std::move(outcome_)); }

 private:
  Work work_;
  Done done_;
  std::optional<Result<T>> outcome_;
};

// Nobody waits, but the executor has work as long as the job is on its way.
class Unheard {
 public:
  explicit Unheard(Executor executor)
      : working_(boost::asio::prefer(std::move(executor), boost::asio::execution::outstanding_work.tracked)) {}
  void operator()(const Status&) const {}

 private:
  Executor working_;
};

}  // namespace tidings::messaging::embedded
