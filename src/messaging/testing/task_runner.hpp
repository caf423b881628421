// TaskRunner: an io_context for tests, on which tasks are run to their end within a deadline.
//
//   TaskRunner runner;
//   auto published = runner.Run(transport.Publish(Address::Queue("jobs"), Message("work")));
//   EXPECT_TRUE(runner.Until([&] { return handled == 5; }));
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <tidings/messaging/task.hpp>

namespace tidings::messaging::testing {

// Deadlines are real time, whatever Timers the tasks use; past one the test fails by an exception.
class TaskRunner {
 public:
  static constexpr std::chrono::milliseconds kDeadline{30'000};

  boost::asio::io_context& context() { return context_; }
  Executor executor() { return context_.get_executor(); }

  // What the task returns, or throws.
  template <class T>
  T Run(Task<T> task, std::chrono::milliseconds deadline = kDeadline) {
    // On the heap: a task that misses its deadline may end after this returned.
    const auto outcome = std::make_shared<Outcome<T>>();
    Spawn(Keep(std::move(task), outcome));
    if (!Until([&] { return outcome->done; }, deadline)) throw std::runtime_error("a task missed its deadline");
    if (outcome->thrown) std::rethrow_exception(outcome->thrown);
    if constexpr (!std::is_void_v<T>) return std::move(*outcome->value);
  }

  // Beside others; an exception fails the test.
  void Spawn(Task<void> task);

  // Runs what is there to run until the condition holds. False: the deadline came first.
  bool Until(const std::function<bool()>& condition, std::chrono::milliseconds deadline = kDeadline);

  // Runs everything that is ready, and what becomes ready by it.
  void Poll();

  // Runs whatever comes within this time.
  void RunFor(std::chrono::milliseconds duration);

 private:
  template <class T>
  class Outcome {
   public:
    bool done = false;
    std::exception_ptr thrown;
    std::conditional_t<std::is_void_v<T>, std::optional<char>, std::optional<T>> value;
  };

  template <class T>
  static Task<void> Keep(Task<T> task, std::shared_ptr<Outcome<T>> outcome) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
      } else {
        outcome->value.emplace(co_await std::move(task));
      }
    } catch (...) {
      outcome->thrown = std::current_exception();
    }
    outcome->done = true;
  }

  // One handler, or the time; a context without work waits it out too, for another thread may post to it.
  void Step(std::chrono::milliseconds at_most);

  boost::asio::io_context context_;
};

}  // namespace tidings::messaging::testing
