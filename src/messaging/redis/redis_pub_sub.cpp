#include "redis_pub_sub.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <tidings/messaging/topology.hpp>

#include "message_codec.hpp"

namespace tidings::redis {
namespace {

using messaging::LossCause;
using messaging::Notice;

constexpr std::size_t kMostWaiting = 1'024;

}  // namespace

// What waits for one subscription.
class RedisPubSub::Inbox final : public Subscriber::Listener {
 public:
  Inbox(const Executor& executor, std::map<std::string, std::string, std::less<>> topics, messaging::LossLedger* ledger)
      : topics_(std::move(topics)), ledger_(ledger), arrived_(executor) {}

  void OnMessage(std::string_view channel, std::string_view payload) override {
    const auto topic = topics_.find(channel);
    if (topic == topics_.end() || stopped_) return;
    if (waiting_.size() >= kMostWaiting) {
      // One gap stands for all that is lost until the subscriber has made room.
      if (!std::exchange(overflowed_, true)) Count(LossCause::kPubSubGap, topic->second);
      return Count(LossCause::kSlow, topic->second);
    }
    if (std::exchange(overflowed_, false)) waiting_.push_back(Notice::Gap("too slow"));
    auto message = DecodeMessage(payload);
    if (!message) {
      // Somebody else's: raw, as all transports hand out what they cannot read.
      message = Message(std::string(payload));
    }
    waiting_.emplace_back(topic->second, std::move(*message));
    arrived_.NotifyAll();
  }

  void OnGap() override {
    if (stopped_) return;
    Count(LossCause::kPubSubGap, topics_.begin()->second);
    waiting_.push_back(Notice::Gap("reconnected"));
    arrived_.NotifyAll();
  }

  Task<Result<Notice>> Next() {
    for (;;) {
      if (stopped_) co_return Fail(ErrorCode::kUnavailable, "the subscription was stopped");
      if (!waiting_.empty()) {
        Notice notice = std::move(waiting_.front());
        waiting_.pop_front();
        co_return notice;
      }
      if (std::exchange(overflowed_, false)) co_return Notice::Gap("too slow");
      co_await arrived_.Wait();
    }
  }

  void Stop() {
    stopped_ = true;
    arrived_.NotifyAll();
  }

 private:
  void Count(LossCause cause, const std::string& topic) {
    if (ledger_ != nullptr) ledger_->Count(cause, topic);
  }
  // By channel.
  std::map<std::string, std::string, std::less<>> topics_;
  messaging::LossLedger* ledger_;
  std::deque<Notice> waiting_;
  Signal arrived_;
  bool overflowed_ = false;
  bool stopped_ = false;
};

class RedisPubSub::Handle final : public messaging::Subscription {
 public:
  explicit Handle(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
  ~Handle() override { inbox_->Stop(); }
  Task<Result<Notice>> Next() override {
    const auto inbox = inbox_;
    co_return co_await inbox->Next();
  }
  Task<void> Stop() override {
    inbox_->Stop();
    co_return;
  }

 private:
  std::shared_ptr<Inbox> inbox_;
};

Task<Result<std::size_t>> RedisPubSub::Publish(std::string topic, Message message) {
  if (auto checked = Check(message); !checked) co_return std::unexpected(checked.error());
  if (auto named = messaging::CheckName(topic); !named) co_return std::unexpected(named.error());
  Arguments arguments{"PUBLISH", keys_.Topic(topic)};
  arguments.AddWritten(EncodedSize(message), [&](std::string& out) { AppendMessage(out, message); });
  const auto client = client_;
  auto* const ledger = ledger_;
  const auto reply = co_await client->Call(std::move(arguments));
  if (!reply) co_return std::unexpected(reply.error());
  const auto reached = static_cast<std::size_t>((*reply)->integer());
  if (reached == 0 && ledger != nullptr) ledger->Count(LossCause::kUnrouted, topic);
  co_return reached;
}

Task<Result<std::unique_ptr<messaging::Subscription>>> RedisPubSub::Subscribe(std::vector<std::string> topics) {
  if (topics.empty()) co_return Fail(ErrorCode::kInvalid, "a subscription is to one topic or more");
  std::map<std::string, std::string, std::less<>> by_channel;
  for (const std::string& topic : topics) {
    if (auto named = messaging::CheckName(topic); !named) co_return std::unexpected(named.error());
    by_channel.emplace(keys_.Topic(topic), topic);
  }
  std::vector<std::string> channels;
  channels.reserve(by_channel.size());
  for (const auto& [channel, topic] : by_channel) channels.push_back(channel);
  const auto inbox = std::make_shared<Inbox>(executor_, std::move(by_channel), ledger_);
  std::erase_if(inboxes_, [](const auto& held) { return held.expired(); });
  inboxes_.push_back(inbox);
  const auto subscriber = subscriber_;
  const auto added = co_await subscriber->Add(inbox, std::move(channels));
  if (!added) co_return std::unexpected(added.error());
  co_return std::make_unique<Handle>(inbox);
}

void RedisPubSub::Close() {
  for (const auto& held : inboxes_) {
    if (const auto inbox = held.lock()) inbox->Stop();
  }
}

}  // namespace tidings::redis
