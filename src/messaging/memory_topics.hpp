// MemoryTopics: publish/subscribe at the in-memory broker: who listens to what, and what waits for each.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/signal.hpp>

#include "memory_list.hpp"

namespace tidings::messaging {

class MemoryState;

class MemorySubscription final : public AutoUnlink {
 public:
  static constexpr std::size_t kMostWaiting = 1'024;

  MemorySubscription(Executor executor, std::vector<std::string> topics)
      : arrived(std::move(executor)), topics_(std::move(topics)) {}

  // False: it is too far behind, and the message is lost to it. `first` if this is the first one since it could take some.
  bool Push(const std::string& topic, const Message& message, bool& first);
  bool empty() const { return notices_.empty(); }
  Notice Pop();
  void End(std::string why);
  const std::string& ended() const { return ended_; }
  const std::vector<std::string>& topics() const { return topics_; }

  Signal arrived;

 private:
  std::vector<std::string> topics_;
  std::deque<Notice> notices_;  // at most kMostWaiting messages; a gap is between messages or at the end
  std::size_t messages_ = 0;
  std::string ended_;
};

class MemoryTopics {
 public:
  void Add(MemorySubscription& subscription);
  void Remove(const MemorySubscription& subscription);
  std::size_t Publish(MemoryState& state, const std::string& topic, const Message& message);

 private:
  std::unordered_map<std::string, std::vector<MemorySubscription*>> subscribers_;
};

class MemoryConnection;

class MemoryPubSub final : public PubSub {
 public:
  explicit MemoryPubSub(std::shared_ptr<MemoryConnection> connection) : connection_(std::move(connection)) {}
  Task<Result<std::size_t>> Publish(std::string topic, Message message) override;
  Task<Result<std::unique_ptr<Subscription>>> Subscribe(std::vector<std::string> topics) override;

 private:
  std::shared_ptr<MemoryConnection> connection_;
};

}  // namespace tidings::messaging
