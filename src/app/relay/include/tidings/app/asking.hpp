// Asking other threads from a coroutine: the reading threads, or whoever answers by a callback.
#pragma once

#include <boost/asio/post.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <tidings/chat/reader.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::app {

// What waits for an answer.
template <class T>
class Question {
 public:
  explicit Question(messaging::Executor executor_) : executor(std::move(executor_)), answered(executor) {}
  messaging::Executor executor;
  messaging::Signal answered;
  std::optional<Result<T>> answer;
  // Held while the answer is posted: a post still touches the executor's context when what it posted has run already.
  std::shared_ptr<std::mutex> posting = std::make_shared<std::mutex>();
};

// The other thread's end of it. Dropped unanswered, when the store closes: that is an answer too.
template <class T>
class Asked {
 public:
  explicit Asked(std::shared_ptr<Question<T>> question) : question_(std::move(question)) {}
  Asked(Asked&&) noexcept = default;
  Asked& operator=(Asked&&) = delete;
  ~Asked() {
    if (question_) Answer(Fail(ErrorCode::kUnavailable, "the store is closing"));
  }

  void Answer(Result<T> answer) {
    // The question's parts belong to its executor, the last reference to it included.
    const messaging::Executor executor = question_->executor;
    const std::shared_ptr<std::mutex> posting = question_->posting;
    const std::scoped_lock lock(*posting);
    boost::asio::post(executor, [question = std::move(question_), answer = std::move(answer)]() mutable {
      if (question->answer) return;
      question->answer.emplace(std::move(answer));
      question->answered.NotifyAll();
    });
  }

 private:
  std::shared_ptr<Question<T>> question_;
};

// When it has returned, whoever answered has left the executor's context, which may then be destroyed.
template <class T>
messaging::Task<Result<T>> AwaitAnswer(std::shared_ptr<Question<T>> question) {
  while (!question->answer) co_await question->answered.Wait();
  {
    const std::scoped_lock left(*question->posting);
  }
  co_return std::move(*question->answer);
}

// Runs `question` on a reading thread of the pool. kUnavailable: too much is being read, or the store closes.
// REQUIRES: `reads` outlives the call.
template <class T>
messaging::Task<Result<T>> AskReader(messaging::Executor executor, chat::ReadPool& reads,
                                     std::move_only_function<T(chat::Reader&)> question) {
  const auto asked = std::make_shared<Question<T>>(executor);
  // Both ways out share it, and nobody else: the pool calls one of them, or drops both.
  auto way = std::make_shared<Asked<T>>(asked);
  auto other_way = way;
  const bool taken =
      reads.Read([way = std::move(way),
                  question = std::move(question)](chat::Reader& reader) mutable { way->Answer(question(reader)); },
                 [way = std::move(other_way)](const Error& error) { way->Answer(std::unexpected(error)); });
  if (!taken) co_return Fail(ErrorCode::kUnavailable, "too much is being read");
  co_return co_await AwaitAnswer(asked);
}

}  // namespace tidings::app
