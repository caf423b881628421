#include "log_pages.hpp"

#include <boost/asio/post.hpp>

#include <map>
#include <optional>

#include <tidings/messaging/signal.hpp>

#include "queue_message.hpp"

namespace tidings::app {
namespace {

// What waits for a reading thread. The question may be dropped unasked, when the store closes: that is an answer too.
template <class T>
class Question {
 public:
  explicit Question(messaging::Executor executor_) : executor(std::move(executor_)), answered(executor) {}
  messaging::Executor executor;
  messaging::Signal answered;
  std::optional<Result<T>> answer;
};

template <class T>
class Asked {
 public:
  explicit Asked(std::shared_ptr<Question<T>> question) : question_(std::move(question)) {}
  Asked(Asked&&) = default;
  ~Asked() {
    if (question_) Answer(Fail(ErrorCode::kUnavailable, "the store is closing"));
  }

  void Answer(Result<T> answer) {
    // The question's parts belong to its executor, the last reference to it included.
    const messaging::Executor executor = question_->executor;
    boost::asio::post(executor, [question = std::move(question_), answer = std::move(answer)]() mutable {
      if (question->answer) return;
      question->answer.emplace(std::move(answer));
      question->answered.NotifyAll();
    });
  }

 private:
  std::shared_ptr<Question<T>> question_;
};

LogPage MakePage(chat::Reader& reader, chat::Position after, std::string_view source) {
  LogPage page;
  std::map<chat::RoomKey, chat::QuoteSource> quotes;
  for (const chat::LogEvent& event : reader.Log(after, LogPages::kMostEvents)) {
    auto& quote = quotes[event.event.stream];
    if (!quote) quote = chat::QuotesOf(reader, event.event.stream);
    if (page.last == 0) page.oldest_at = event.event.at;
    page.last = event.event.position;
    auto message = QueueMessage(event, quote, source);
    if (!message) {
      ++page.damaged;
      continue;
    }
    messaging::PublishOptions options;
    options.require_route = event.event.type == kMessageCreated;
    page.messages.emplace_back(messaging::Address::Exchange(std::string(kEventsExchange), event.event.type),
                               std::move(*message), options);
  }
  return page;
}

}  // namespace

template <class T>
messaging::Task<Result<T>> LogPages::Ask(std::move_only_function<T(chat::Reader&)> question) {
  const auto asked = std::make_shared<Question<T>>(executor_);
  // Both ways out share it, and nobody else: the pool calls one of them, or drops both.
  auto way = std::make_shared<Asked<T>>(asked);
  auto other_way = way;
  const bool taken =
      reads_.Read([way = std::move(way),
                   question = std::move(question)](chat::Reader& reader) mutable { way->Answer(question(reader)); },
                  [way = std::move(other_way)](const Error& error) { way->Answer(std::unexpected(error)); });
  if (!taken) co_return Fail(ErrorCode::kUnavailable, "too much is being read");
  while (!asked->answer) co_await asked->answered.Wait();
  co_return std::move(*asked->answer);
}

messaging::Task<Result<LogPage>> LogPages::After(chat::Position position) {
  std::move_only_function<LogPage(chat::Reader&)> question = [position, source = source_](chat::Reader& reader) {
    return MakePage(reader, position, source);
  };
  co_return co_await Ask<LogPage>(std::move(question));
}

messaging::Task<Result<chat::Position>> LogPages::Checkpoint(std::string name) {
  std::move_only_function<chat::Position(chat::Reader&)> question = [name = std::move(name)](chat::Reader& reader) {
    return reader.Checkpoint(name);
  };
  co_return co_await Ask<chat::Position>(std::move(question));
}

}  // namespace tidings::app
