#include <tidings/messaging/topic.hpp>

#include <utility>

#include <tidings/base/id.hpp>

namespace tidings::messaging {
namespace {

// What comes out of an exclusive queue.
class QueueSubscription final : public Subscription {
 public:
  QueueSubscription(std::string topic, std::unique_ptr<Consumer> consumer)
      : topic_(std::move(topic)), consumer_(std::move(consumer)) {}

  Task<Result<Notice>> Next() override {
    auto next = co_await consumer_->Next();
    if (!next) co_return std::unexpected(next.error());
    Notice notice(topic_, next->message());
    // It is in hand whatever becomes of the queue, which is gone with the connection if that broke.
    (void)co_await next->Ack();
    co_return notice;
  }
  Task<void> Stop() override { return consumer_->Stop(); }

 private:
  std::string topic_;
  std::unique_ptr<Consumer> consumer_;
};

// What comes out of a channel, as far as it fits.
class ChannelSubscription final : public Subscription {
 public:
  ChannelSubscription(std::string pattern, std::unique_ptr<Subscription> channel)
      : pattern_(std::move(pattern)), channel_(std::move(channel)) {}

  Task<Result<Notice>> Next() override {
    for (;;) {
      auto next = co_await channel_->Next();
      if (!next || next->gap() || TopicMatches(pattern_, next->message().headers.Get(kRoutingKey))) co_return next;
    }
  }
  Task<void> Stop() override { return channel_->Stop(); }

  static constexpr std::string_view kRoutingKey = "tidings-routing-key";

 private:
  std::string pattern_;
  std::unique_ptr<Subscription> channel_;
};

}  // namespace

Topology Topic::topology() const {
  Topology topology;
  topology.AddExchange(name_, ExchangeKind::kTopic);
  return topology;
}

std::string Topic::AddGroup(Topology& topology, std::string_view group, std::string pattern,
                            QueueOptions options) const {
  std::string queue = name_ + "." + std::string(group);
  bool there = false;
  for (const QueueDeclaration& declared : topology.queues()) there = there || declared.name == queue;
  if (!there) topology.AddQueue(queue, options);
  topology.Bind(name_, queue, std::move(pattern));
  return queue;
}

Task<Result<std::size_t>> Topic::Publish(Message message, std::string routing_key) {
  if (routing_key.empty()) routing_key = message.type;
  if (!transport_.capabilities().exchanges) {
    PubSub* const channel = transport_.pub_sub();
    if (channel == nullptr)
      co_return Fail(ErrorCode::kUnavailable, "this transport has neither exchanges nor channels");
    message.headers.Set(ChannelSubscription::kRoutingKey, std::move(routing_key));
    std::string name = name_;
    co_return co_await channel->Publish(std::move(name), std::move(message));
  }
  PublishOptions options;
  options.require_route = false;
  Address to = Address::Exchange(name_, std::move(routing_key));
  co_return co_await transport_.Publish(std::move(to), std::move(message), options);
}

Task<Result<std::unique_ptr<Subscription>>> Topic::Listen(std::string pattern) {
  if (!transport_.capabilities().exchanges) {
    PubSub* const pub_sub = transport_.pub_sub();
    if (pub_sub == nullptr)
      co_return Fail(ErrorCode::kUnavailable, "this transport has neither exchanges nor channels");
    std::vector<std::string> topics(1, name_);
    auto channel = co_await pub_sub->Subscribe(std::move(topics));
    if (!channel) co_return std::unexpected(channel.error());
    co_return std::make_unique<ChannelSubscription>(std::move(pattern), std::move(*channel));
  }
  const std::string queue = name_ + ".listener." + RandomToken(16);
  QueueOptions options;
  options.durable = false;
  options.exclusive = true;
  options.quorum = false;
  options.dead_letters = false;
  options.delivery_limit = 0;
  Topology wanted = topology();
  wanted.AddQueue(queue, options).Bind(name_, queue, std::move(pattern));
  if (Status declared = co_await transport_.Declare(std::move(wanted)); !declared) {
    co_return std::unexpected(declared.error());
  }
  const ConsumeOptions consume(256);
  std::string consumed = queue;
  auto consumer = co_await transport_.Consume(std::move(consumed), consume);
  if (!consumer) co_return std::unexpected(consumer.error());
  co_return std::make_unique<QueueSubscription>(name_, std::move(*consumer));
}

}  // namespace tidings::messaging
