#include "rabbit_pub_sub.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <deque>
#include <tuple>
#include <utility>

#include <tidings/base/id.hpp>

#include "declarer.hpp"
#include "message_codec.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::size_t kMostBuffered = 1'024;
constexpr std::chrono::milliseconds kRefusedPause{500};
// And before it tries again on a connection that broke meanwhile.
constexpr std::chrono::milliseconds kBrokenPause{20};

}  // namespace

// One subscriber: it subscribes again after each break, and says that there was one.
class TopicSubscription final : public ChannelHandler, public std::enable_shared_from_this<TopicSubscription> {
 public:
  TopicSubscription(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
                    std::vector<std::string> topics)
      : executor_(std::move(executor)),
        timers_(timers),
        ledger_(ledger),
        link_(std::move(link)),
        topics_(std::move(topics)),
        ready_(executor_),
        lost_(executor_) {}
  ~TopicSubscription() override {
    if (channel_) channel_->Detach();
  }

  Task<Status> Start(std::chrono::milliseconds timeout) {
    const auto self = shared_from_this();
    const Deadline deadline(timers_, timeout);
    Status opened = co_await Open(deadline.left());
    while (!opened && opened.error().code() == ErrorCode::kUnavailable && !deadline.over() && !link_->stopped()) {
      co_await timers_.Sleep(kBrokenPause);
      opened = co_await Open(deadline.left());
    }
    if (!opened) co_return opened;
    boost::asio::co_spawn(executor_, [self]() -> Task<void> { co_await self->Run(); }, boost::asio::detached);
    co_return Status();
  }

  Task<Result<Notice>> Next() {
    const auto self = shared_from_this();
    while (buffered_.empty()) {
      if (stopped_) co_return Fail(ErrorCode::kUnavailable, "the subscription was stopped");
      co_await ready_.Wait();
      if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
        co_return Fail(ErrorCode::kUnavailable, "waiting for a notice was cancelled");
      }
    }
    Notice next = std::move(buffered_.front());
    buffered_.pop_front();
    co_return next;
  }

  void Stop() {
    stopped_ = true;
    buffered_.clear();
    if (channel_) {
      channel_->Detach();
      channel_.reset();
    }
    ready_.NotifyAll();
    lost_.NotifyAll();
  }

 private:
  Task<Status> Open(std::chrono::milliseconds timeout) {
    const auto connection = co_await link_->Ready(timeout);
    if (!connection) co_return std::unexpected(connection.error());
    Topology exchange;
    exchange.AddExchange(std::string(kTopicsExchange), ExchangeKind::kDirect);
    if (Status declared = co_await Declare(*connection, exchange, OnRefusal::kFail); !declared) co_return declared;
    auto opened = co_await (*connection)->OpenChannel(this);
    if (!opened) co_return std::unexpected(opened.error());
    channel_ = std::move(*opened);
    const auto channel = channel_;
    const std::string queue = "tidings.subscriber." + RandomToken(20);
    QueueArguments arguments;
    arguments.exclusive = true;
    arguments.auto_delete = true;
    AppendQueueDeclare(channel->out(), channel->number(), queue, arguments);
    auto answer = co_await channel->Expect(Method::kQueueDeclareOk);
    for (const std::string& topic : topics_) {
      if (!answer || !channel->open()) break;
      AppendQueueBind(channel->out(), channel->number(), queue, kTopicsExchange, topic);
      answer = co_await channel->Expect(Method::kQueueBindOk);
    }
    if (answer && channel->open()) {
      AppendConsume(channel->out(), channel->number(), queue, "tidings", true);
      answer = co_await channel->Expect(Method::kBasicConsumeOk);
    }
    if (answer && channel_ == channel) co_return Status();
    if (channel_ == channel) channel_.reset();
    if (!answer) co_return std::unexpected(answer.error());
    co_return Fail(ErrorCode::kUnavailable, "the connection ended while a subscriber was set up");
  }

  Task<void> Run() {
    while (!stopped_ && !link_->stopped()) {
      if (channel_) {
        co_await lost_.Wait();
        continue;
      }
      const Status opened = co_await Open(std::chrono::seconds(30));
      if (stopped_) break;
      if (opened) {
        Tell(Notice::Gap("reconnected"), LossCause::kPubSubGap, 1);
      } else {
        co_await lost_.WaitFor(timers_, kRefusedPause);
      }
    }
    Stop();
  }

  void Tell(Notice gap, LossCause cause, std::uint64_t count) {
    ledger_.Count(cause, topics_.size() == 1 ? std::string_view(topics_[0]) : std::string_view("several topics"),
                  count);
    buffered_.push_back(std::move(gap));
    ready_.NotifyOne();
  }

  void OnContent(Content& content) override {
    Delivered delivered;
    if (stopped_ || content.method() != static_cast<std::uint32_t>(Method::kBasicDeliver) ||
        !ReadDeliver(content.method_payload(), delivered)) {
      return;
    }
    if (buffered_.size() >= kMostBuffered) {
      // All that waits is given up for one gap: what comes after it is new.
      const auto lost = std::ranges::count_if(buffered_, [](const Notice& waiting) { return !waiting.gap(); });
      buffered_.clear();
      Tell(Notice::Gap("too slow"), LossCause::kSlow, static_cast<std::uint64_t>(lost));
      ledger_.Count(LossCause::kPubSubGap, delivered.routing_key);
    }
    auto received = ReadMessage(content.properties(), content.body(), false, "", Strictness::kLenient);
    if (!received || content.too_large()) return Tell(Notice::Gap("undecodable"), LossCause::kPubSubGap, 1);
    buffered_.emplace_back(std::string(delivered.routing_key), std::move(received->message));
    ready_.NotifyOne();
  }
  void OnCancelled() override { OnClosed(Error(ErrorCode::kUnavailable, ""), nullptr); }
  void OnClosed(const Error&, const CloseReason*) override {
    boost::asio::post(executor_, [self = weak_from_this(), dead = channel_] {
      const auto subscription = self.lock();
      if (!subscription) return;
      if (subscription->channel_ == dead) subscription->channel_.reset();
      subscription->lost_.NotifyAll();
    });
  }

  Executor executor_;
  Timers& timers_;
  LossLedger& ledger_;
  std::shared_ptr<Link> link_;
  std::vector<std::string> topics_;
  std::shared_ptr<Channel> channel_;
  std::deque<Notice> buffered_;
  bool stopped_ = false;
  Signal ready_;
  Signal lost_;
};

namespace {

class RabbitSubscription final : public Subscription {
 public:
  explicit RabbitSubscription(std::shared_ptr<TopicSubscription> core) : core_(std::move(core)) {}
  ~RabbitSubscription() override { core_->Stop(); }
  Task<Result<Notice>> Next() override {
    const auto core = core_;
    co_return co_await core->Next();
  }
  Task<void> Stop() override {
    core_->Stop();
    co_return;
  }

 private:
  std::shared_ptr<TopicSubscription> core_;
};

}  // namespace

Task<Result<std::size_t>> RabbitPubSub::Publish(std::string topic, Message message) {
  if (Status named = CheckName(topic); !named) co_return std::unexpected(named.error().Within("topic"));
  PublishOptions options;
  options.require_route = false;
  const auto publisher = publisher_;
  const auto to = Address::Exchange(std::string(kTopicsExchange), topic);
  if (declared_) {
    auto published = co_await publisher->Publish(to, message, options, false);
    if (published || published.error().code() != ErrorCode::kNotFound) co_return published;
  }
  const auto connection = co_await link_->Ready(call_timeout_);
  if (!connection) co_return std::unexpected(connection.error());
  Topology exchange;
  exchange.AddExchange(std::string(kTopicsExchange), ExchangeKind::kDirect);
  if (Status made = co_await Declare(*connection, exchange, OnRefusal::kFail); !made)
    co_return std::unexpected(made.error());
  declared_ = true;
  co_return co_await publisher->Publish(to, std::move(message), options, false);
}

Task<Result<std::unique_ptr<Subscription>>> RabbitPubSub::Subscribe(std::vector<std::string> topics) {
  if (topics.empty()) co_return Fail(ErrorCode::kInvalid, "a subscription names at least one topic");
  for (const std::string& topic : topics) {
    if (Status named = CheckName(topic); !named) co_return std::unexpected(named.error().Within("topic"));
  }
  const auto subscription = std::make_shared<TopicSubscription>(executor_, timers_, ledger_, link_, std::move(topics));
  if (Status started = co_await subscription->Start(call_timeout_); !started)
    co_return std::unexpected(started.error());
  std::erase_if(subscriptions_, [](const auto& weak) { return weak.expired(); });
  subscriptions_.push_back(subscription);
  co_return std::make_unique<RabbitSubscription>(subscription);
}

void RabbitPubSub::Abandon() {
  for (const auto& weak : subscriptions_) {
    if (const auto subscription = weak.lock()) subscription->Stop();
  }
}

}  // namespace tidings::messaging::rabbitmq
