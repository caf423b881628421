#include "task_runner.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <utility>

namespace tidings::messaging::testing {

void TaskRunner::Spawn(Task<void> task) {
  boost::asio::co_spawn(context_, std::move(task), [](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "a task ended by " << error.what();
    }
  });
}

bool TaskRunner::Until(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    Step(std::chrono::milliseconds(5));
  }
  return true;
}

void TaskRunner::Poll() {
  context_.restart();
  context_.poll();
}

void TaskRunner::RunFor(std::chrono::milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) Step(std::chrono::milliseconds(5));
}

void TaskRunner::Step(std::chrono::milliseconds at_most) {
  context_.restart();
  const auto work = boost::asio::make_work_guard(context_);
  context_.run_one_for(at_most);
}

}  // namespace tidings::messaging::testing
