// PubSub: to whoever listens now. Nothing is kept; what a subscriber may have missed is told to it as a gap.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::messaging {

// A message of a topic, or a gap: from here on the subscriber may have missed any number of messages of its topics.
class Notice {
 public:
  Notice(std::string topic, Message message) : topic_(std::move(topic)), message_(std::move(message)) {}
  static Notice Gap(std::string reason) { return Notice(std::move(reason)); }

  bool gap() const { return !message_.has_value(); }
  // Why there may be a gap: "reconnected", "too slow".
  const std::string& reason() const { return topic_; }
  const std::string& topic() const { return topic_; }
  // REQUIRES: !gap().
  const Message& message() const { return *message_; }

 private:
  explicit Notice(std::string reason) : topic_(std::move(reason)) {}
  std::string topic_;
  std::optional<Message> message_;
};

class Subscription {
 public:
  virtual ~Subscription() = default;
  // kUnavailable once it was stopped. One Next at a time. Cancellable.
  virtual Task<Result<Notice>> Next() = 0;
  virtual Task<void> Stop() = 0;
};

class PubSub {
 public:
  virtual ~PubSub() = default;
  // Returns how many subscribers it reached, where known; 0 is counted in the ledger as `unrouted`.
  virtual Task<Result<std::size_t>> Publish(std::string topic, Message message) = 0;
  // Messages published after this returned are received. At most 1,024 wait for a subscriber; one that is slower gets a gap,
  // and what it lost is counted.
  virtual Task<Result<std::unique_ptr<Subscription>>> Subscribe(std::vector<std::string> topics) = 0;
};

}  // namespace tidings::messaging
