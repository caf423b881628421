#include "memory_topics.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

#include "memory_connection.hpp"
#include "memory_state.hpp"

namespace tidings::messaging {
namespace {

// The subscriber's end of it. It leaves its topics when it is stopped or dropped.
class Subscriber final : public Subscription {
 public:
  Subscriber(std::shared_ptr<MemoryConnection> connection, std::vector<std::string> topics)
      : connection_(std::move(connection)),
        subscription_(std::make_shared<MemorySubscription>(connection_->executor, std::move(topics))) {
    connection_->state->topics().Add(*subscription_);
    connection_->subscriptions.push_back(*subscription_);
  }
  ~Subscriber() override { End(); }

  Task<Result<Notice>> Next() override {
    const auto subscription = subscription_;
    for (;;) {
      if (!subscription->ended().empty()) co_return Fail(ErrorCode::kUnavailable, subscription->ended());
      if (!subscription->empty()) co_return subscription->Pop();
      co_await subscription->arrived.Wait();
      const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
      if (cancellation.cancelled() != boost::asio::cancellation_type::none) {
        co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
      }
    }
  }

  Task<void> Stop() override {
    End();
    co_return;
  }

 private:
  void End() {
    if (!subscription_->ended().empty()) return;
    connection_->state->topics().Remove(*subscription_);
    subscription_->End("the subscription was stopped");
  }

  std::shared_ptr<MemoryConnection> connection_;
  std::shared_ptr<MemorySubscription> subscription_;
};

}  // namespace

bool MemorySubscription::Push(const std::string& topic, const Message& message, bool& first) {
  if (messages_ >= kMostWaiting) {
    first = notices_.empty() || !notices_.back().gap();
    if (first) notices_.push_back(Notice::Gap("too slow"));
    return false;
  }
  notices_.emplace_back(topic, message);
  ++messages_;
  arrived.NotifyOne();
  return true;
}

Notice MemorySubscription::Pop() {
  Notice notice = std::move(notices_.front());
  notices_.pop_front();
  if (!notice.gap()) --messages_;
  return notice;
}

void MemorySubscription::End(std::string why) {
  ended_ = std::move(why);
  notices_.clear();
  arrived.NotifyAll();
}

void MemoryTopics::Add(MemorySubscription& subscription) {
  for (const std::string& topic : subscription.topics()) {
    auto& subscribers = subscribers_[topic];
    if (std::ranges::find(subscribers, &subscription) == subscribers.end()) subscribers.push_back(&subscription);
  }
}

void MemoryTopics::Remove(const MemorySubscription& subscription) {
  for (const std::string& topic : subscription.topics()) {
    const auto found = subscribers_.find(topic);
    if (found == subscribers_.end()) continue;
    std::erase(found->second, &subscription);
    if (found->second.empty()) subscribers_.erase(found);
  }
}

std::size_t MemoryTopics::Publish(MemoryState& state, const std::string& topic, const Message& message) {
  const auto found = subscribers_.find(topic);
  if (found == subscribers_.end()) {
    state.Lose(LossCause::kUnrouted, topic);
    return 0;
  }
  std::size_t reached = 0;
  for (MemorySubscription* const subscription : found->second) {
    bool first = false;
    if (subscription->Push(topic, message, first)) {
      ++reached;
    } else {
      state.Lose(LossCause::kSlow, topic);
      if (first) state.Lose(LossCause::kPubSubGap, topic);
    }
  }
  return reached;
}

Task<Result<std::size_t>> MemoryPubSub::Publish(std::string topic, Message message) {
  if (connection_->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (Status checked = CheckName(topic); !checked) co_return std::unexpected(checked.error().Within("topic"));
  if (Status checked = Check(message); !checked) co_return std::unexpected(checked.error());
  co_return connection_->state->topics().Publish(*connection_->state, topic, message);
}

Task<Result<std::unique_ptr<Subscription>>> MemoryPubSub::Subscribe(std::vector<std::string> topics) {
  if (connection_->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (topics.empty()) co_return Fail(ErrorCode::kInvalid, "a subscription names at least one topic");
  for (const std::string& topic : topics) {
    if (Status checked = CheckName(topic); !checked) co_return std::unexpected(checked.error().Within("topic"));
  }
  co_return std::make_unique<Subscriber>(connection_, std::move(topics));
}

}  // namespace tidings::messaging
