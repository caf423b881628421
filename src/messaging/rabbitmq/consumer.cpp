#include "consumer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <tuple>
#include <utility>

#include <tidings/base/bytes.hpp>
#include <tidings/base/log.hpp>

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::string_view kTag = "tidings";
// How long a consumer waits before it asks again for a queue that was refused.
constexpr std::chrono::milliseconds kRefusedPause{500};
// And before it tries again on a connection that broke meanwhile.
constexpr std::chrono::milliseconds kBrokenPause{20};
constexpr std::chrono::seconds kUpTimeout{30};

Error Gone() {
  return Error(ErrorCode::kConflict,
               "the connection that this delivery came over is gone; the message was or will be handed out again");
}

class RabbitSettlement final : public Settlement {
 public:
  RabbitSettlement(Executor executor, std::shared_ptr<Tags> tags, std::weak_ptr<Settling> settling, std::string queue,
                   std::uint64_t epoch, std::uint64_t tag)
      : executor_(std::move(executor)),
        tags_(std::move(tags)),
        settling_(std::move(settling)),
        queue_(std::move(queue)),
        epoch_(epoch),
        tag_(tag) {
    tags_->Handed();
  }
  ~RabbitSettlement() override {
    if (settled_) return;
    Done();
    std::ignore = tags_->Return(epoch_, tag_, true);
  }

  Task<Status> Ack() override {
    Done();
    co_return tags_->Ack(epoch_, tag_);
  }
  Task<Status> Nack() override {
    Done();
    co_return tags_->Return(epoch_, tag_, false);
  }
  Task<Status> Retry(Message message, std::chrono::milliseconds delay) override {
    const auto settling = settling_.lock();
    if (!tags_->Holds(epoch_) || !settling) co_return std::unexpected(Gone());
    const Status put = co_await settling->PutBack(queue_, std::move(message), delay);
    co_return Settle(put);
  }
  Task<Status> Bury(Message message) override {
    const auto settling = settling_.lock();
    if (!tags_->Holds(epoch_) || !settling) co_return std::unexpected(Gone());
    const Status put = co_await settling->PutAmongDead(queue_, std::move(message));
    co_return Settle(put);
  }
  Task<bool> Extend() override { co_return tags_->Holds(epoch_); }

 private:
  // The copy is confirmed: only now the original may go. Without one it goes back.
  Status Settle(const Status& put) {
    Done();
    if (put) return tags_->Ack(epoch_, tag_);
    std::ignore = tags_->Return(epoch_, tag_, true);
    return put;
  }

  void Done() {
    if (!std::exchange(settled_, true)) tags_->Settled(epoch_);
  }

  Executor executor_;
  std::shared_ptr<Tags> tags_;
  std::weak_ptr<Settling> settling_;
  std::string queue_;
  std::uint64_t epoch_;
  std::uint64_t tag_;
  bool settled_ = false;
};

}  // namespace

Tags::~Tags() = default;

void Tags::Begin(std::unique_ptr<Channel> channel) {
  channel_ = std::move(channel);
  ++epoch_;
  in_hand_.Set(0);
}

void Tags::End() {
  ++epoch_;
  in_hand_.Set(0);
  channel_.reset();
}

Status Tags::Ack(std::uint64_t epoch, std::uint64_t tag) {
  if (!Holds(epoch)) return std::unexpected(Gone());
  AppendAck(channel_->out(), channel_->number(), tag, false);
  channel_->Flush();
  return {};
}

Status Tags::Return(std::uint64_t epoch, std::uint64_t tag, bool failed) {
  if (!Holds(epoch)) return std::unexpected(Gone());
  if (failed) {
    AppendReject(channel_->out(), channel_->number(), tag, true);
  } else {
    AppendNack(channel_->out(), channel_->number(), tag, false, true);
  }
  channel_->Flush();
  return {};
}

std::unique_ptr<Settlement> MakeSettlement(Executor executor, std::shared_ptr<Tags> tags,
                                           std::weak_ptr<Settling> settling, std::string queue, std::uint64_t epoch,
                                           std::uint64_t tag) {
  return std::make_unique<RabbitSettlement>(std::move(executor), std::move(tags), std::move(settling), std::move(queue),
                                            epoch, tag);
}

Message Undecodable(std::string_view properties, std::string body, const std::string& queue, const std::string& why,
                    Millis now) {
  constexpr std::size_t kMostRaw = 16 * 1024;
  std::string none;
  auto known = ReadMessage(properties, none, false, DeadLetterQueue(queue), Strictness::kLenient);
  Message message = known ? std::move(known->message) : Message(std::string());
  message.body = std::move(body);
  MarkDead(message, DeathReason::kUndecodable, why, queue, now);
  // What could not be read of its properties, for whoever looks into it.
  if (properties.size() <= kMostRaw) message.headers.Set("amqp-properties", Base64Encode(properties));
  return message;
}

Strictness StrictnessFor(std::string_view queue) {
  return queue.ends_with(DeadLetterQueue("")) ? Strictness::kLenient : Strictness::kStrict;
}

ConsumerCore::ConsumerCore(Executor executor, Timers& timers, std::shared_ptr<Link> link,
                           std::weak_ptr<Settling> settling, std::string queue, std::uint16_t prefetch)
    : executor_(std::move(executor)),
      timers_(timers),
      link_(std::move(link)),
      settling_(std::move(settling)),
      queue_(std::move(queue)),
      prefetch_(prefetch),
      tags_(std::make_shared<Tags>(link_->load())),
      waiting_(link_->load()),
      ready_(executor_),
      lost_(executor_) {}

ConsumerCore::~ConsumerCore() {
  if (Channel* channel = tags_->channel()) channel->Detach();
}

Task<Status> ConsumerCore::Start(std::chrono::milliseconds timeout) {
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

Task<Status> ConsumerCore::Open(std::chrono::milliseconds timeout) {
  const auto connection = co_await link_->Ready(timeout);
  if (!connection) co_return std::unexpected(connection.error());
  auto opened = co_await (*connection)->OpenChannel(this);
  if (!opened) co_return std::unexpected(opened.error());
  Channel& channel = **opened;
  // Deliveries may come before consume-ok is looked at: their tags belong to this channel.
  tags_->Begin(std::move(*opened));
  up_ = true;
  const std::uint64_t epoch = tags_->epoch();
  AppendQos(channel.out(), channel.number(), prefetch_);
  auto answer = co_await channel.Expect(Method::kBasicQosOk);
  if (answer && tags_->epoch() == epoch && up_) {
    AppendConsume(channel.out(), channel.number(), queue_, kTag, false);
    answer = co_await channel.Expect(Method::kBasicConsumeOk);
  }
  if (answer && tags_->epoch() == epoch && up_) co_return Status();
  if (tags_->epoch() == epoch) tags_->End();
  up_ = false;
  if (!answer) co_return std::unexpected(answer.error());
  co_return Fail(ErrorCode::kUnavailable, "the connection ended while a consumer was set up");
}

// Comes back after each break, until it is stopped.
Task<void> ConsumerCore::Run() {
  while (!stopped_) {
    if (up_) {
      co_await lost_.Wait();
      continue;
    }
    if (link_->stopped()) break;
    const Status opened = co_await Open(std::chrono::duration_cast<std::chrono::milliseconds>(kUpTimeout));
    if (opened || stopped_) continue;
    if (opened.error().code() == ErrorCode::kNotFound) {
      const auto settling = settling_.lock();
      if (settling) std::ignore = co_await settling->Restore(queue_);
    }
    log::Debug("rabbitmq consumer refused", {{"queue", queue_}, {"why", opened.error().message()}});
    co_await lost_.WaitFor(timers_, kRefusedPause);
  }
  stopped_ = true;
  ready_.NotifyAll();
}

void ConsumerCore::OnContent(Content& content) {
  Delivered delivered;
  if (content.method() != static_cast<std::uint32_t>(Method::kBasicDeliver) ||
      !ReadDeliver(content.method_payload(), delivered)) {
    return;
  }
  const std::uint64_t epoch = tags_->epoch();
  if (stopped_) {
    std::ignore = tags_->Return(epoch, delivered.tag, false);
    return;
  }
  if (content.too_large()) {
    const std::string why =
        "the body has " + std::to_string(content.body_size()) + " bytes, more than this client takes in";
    return BuryRaw(Undecodable(content.properties(), "", queue_, why, timers_.Now()), delivered.tag);
  }
  auto received =
      ReadMessage(content.properties(), content.body(), delivered.redelivered, queue_, StrictnessFor(queue_));
  if (!received) {
    return BuryRaw(
        Undecodable(content.properties(), std::move(content.body()), queue_, received.error().message(), timers_.Now()),
        delivered.tag);
  }
  fetched_.push_back(Fetched{std::move(*received), delivered.tag});
  waiting_.Set(fetched_.size());
  ready_.NotifyOne();
}

void ConsumerCore::BuryRaw(Message message, std::uint64_t tag) {
  const std::uint64_t epoch = tags_->epoch();
  const auto bury = [self = shared_from_this(), epoch, tag](Message dead) -> Task<void> {
    const auto settling = self->settling_.lock();
    const Status put =
        settling ? co_await settling->PutAmongDead(self->queue_, std::move(dead)) : Status(std::unexpected(Gone()));
    if (put) {
      std::ignore = self->tags_->Ack(epoch, tag);
    } else {
      std::ignore = self->tags_->Return(epoch, tag, true);
    }
  };
  boost::asio::co_spawn(
      executor_, [bury, dead = std::move(message)]() mutable -> Task<void> { co_await bury(std::move(dead)); },
      boost::asio::detached);
}

void ConsumerCore::OnCancelled() { OnClosed(Error(ErrorCode::kUnavailable, "the broker ended the consumer"), nullptr); }

void ConsumerCore::OnClosed(const Error&, const CloseReason*) {
  fetched_.clear();
  waiting_.Set(0);
  up_ = false;
  // The channel's object is let go outside of its own call.
  boost::asio::post(executor_, [self = weak_from_this(), tags = tags_, epoch = tags_->epoch()] {
    if (tags->epoch() == epoch) tags->End();
    if (const auto core = self.lock()) core->lost_.NotifyAll();
  });
}

Delivery ConsumerCore::Hand() {
  Fetched fetched = std::move(fetched_.front());
  fetched_.pop_front();
  waiting_.Set(fetched_.size());
  return Delivery(std::move(fetched.received.message), queue_, fetched.received.deliveries,
                  MakeSettlement(executor_, tags_, settling_, queue_, tags_->epoch(), fetched.tag));
}

Task<Result<Delivery>> ConsumerCore::Next() {
  while (fetched_.empty()) {
    if (stopped_) co_return Fail(ErrorCode::kUnavailable, "the consumer of queue " + queue_ + " was stopped");
    co_await ready_.Wait();
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
      co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
    }
  }
  co_return Hand();
}

Task<Result<std::optional<Delivery>>> ConsumerCore::NextWithin(std::chrono::milliseconds timeout) {
  const Deadline deadline(timers_, timeout);
  while (fetched_.empty() && !stopped_ && !deadline.over()) co_await ready_.WaitFor(timers_, deadline.left());
  if (fetched_.empty()) co_return std::optional<Delivery>();
  co_return std::optional<Delivery>(Hand());
}

void ConsumerCore::ReturnFetched() {
  waiting_.Set(0);
  for (const Fetched& fetched : std::exchange(fetched_, {})) {
    std::ignore = tags_->Return(tags_->epoch(), fetched.tag, false);
  }
}

Task<void> ConsumerCore::Stop() {
  if (stopped_) co_return;
  const auto self = shared_from_this();
  Channel* channel = Cancel();
  if (channel == nullptr) co_return;
  std::ignore = co_await channel->Expect(Method::kBasicCancelOk);
}

void ConsumerCore::StopNow() {
  if (stopped_) return;
  if (Channel* channel = Cancel()) channel->Flush();
}

// Where nothing is in hand the channel's end gives back all that was fetched, in one piece and in its order. Else the broker
// hears of the end before anything is given back: it would hand that out here again at once, and what comes back a second
// time comes back behind what was given back later.
Channel* ConsumerCore::Cancel() {
  stopped_ = true;
  Channel* channel = tags_->channel();
  if (channel != nullptr && !channel->open()) channel = nullptr;
  if (channel != nullptr && tags_->in_hand() == 0) {
    fetched_.clear();
    waiting_.Set(0);
    tags_->End();
    channel = nullptr;
  }
  if (channel != nullptr) AppendCancel(channel->out(), channel->number(), kTag);
  ReturnFetched();
  ready_.NotifyAll();
  lost_.NotifyAll();
  return channel;
}

}  // namespace tidings::messaging::rabbitmq
