#include "http_questions.hpp"

#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <utility>

#include <tidings/base/id.hpp>
#include <tidings/messaging/signal.hpp>

namespace tidings::app {
namespace {

// A reply on its way from the client's thread. The question may outlive who asked.
class Answer {
 public:
  explicit Answer(messaging::Executor executor_) : executor(std::move(executor_)), arrived(executor) {}
  messaging::Executor executor;
  messaging::Signal arrived;
  std::optional<net::HttpReply> reply;
};

}  // namespace

messaging::Task<net::HttpReply> HttpQuestions::Ask(net::HttpPost request) {
  const auto answer = std::make_shared<Answer>(executor_);
  const std::uint64_t number = client_.Post(std::move(request), [held = answer](net::HttpReply reply) mutable {
    // The answer's parts belong to the executor, the last reference to it included.
    const messaging::Executor executor = held->executor;
    boost::asio::post(executor, [answer = std::move(held), reply = std::move(reply)]() mutable {
      answer->reply = std::move(reply);
      answer->arrived.NotifyAll();
    });
  });
  under_way_.insert(number);
  while (!answer->reply) co_await answer->arrived.Wait();
  under_way_.erase(number);
  co_return std::move(*answer->reply);
}

void HttpQuestions::CancelAll() {
  for (const std::uint64_t number : under_way_) client_.Cancel(number);
}

std::chrono::milliseconds WithJitter(std::chrono::milliseconds pause) {
  return pause + std::chrono::milliseconds(RandomU64() % static_cast<std::uint64_t>(pause.count() / 10 + 1));
}

}  // namespace tidings::app
