// Consumers of a channel, and basic.get.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <utility>

#include <tidings/base/bytes.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/topology.hpp>

#include "message_codec.hpp"
#include "server_channel.hpp"
#include "server_methods.hpp"
#include "server_origin.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// Of a consumer whose client sets no bound.
constexpr std::uint16_t kMostPrefetch = 10'000;
// Without acknowledgements the connection's pace is the bound.
constexpr std::uint16_t kUnacknowledgedPrefetch = 256;
// What one client has in hand, and what is not sent to it yet: beyond that it gets no more.
constexpr std::size_t kMostHanded = 16 * 1024 * 1024;
constexpr std::size_t kMostUnsent = 1024 * 1024;
// What it fetches one by one is not held back, for what it settles comes behind it.
constexpr std::size_t kMostFetched = 4 * kMostHanded;
constexpr Millis kCountEvery = 1'000;

Refusal Misread() { return Refusal(reply::kSyntaxError, "the method is malformed"); }

std::optional<Refusal> OnlyWaitedIn(const ServerState& state, const std::string& queue) {
  if (state.FindDelay(queue) == nullptr) return std::nullopt;
  return Refusal(reply::kAccessRefused, "queue " + queue + " is only waited in: nothing is taken from it");
}

}  // namespace

void ServerSubscription::Start() {
  boost::asio::co_spawn(
      channel_->session().state().executor,
      [](std::shared_ptr<ServerSubscription> self) -> Task<void> { co_await self->Run(); }(shared_from_this()),
      boost::asio::detached);
}

Task<void> ServerSubscription::Run() {
  while (!stopped_) {
    co_await channel_->RoomToDeliver(*this);
    if (stopped_) co_return;
    auto next = co_await consumer_->Next();
    if (stopped_) {
      if (next) std::ignore = co_await next->Nack();
      co_return;
    }
    if (!next) co_return channel_->OnConsumerEnded(tag_, next.error());
    // Others of the channel may have taken the room meanwhile.
    co_await channel_->RoomToDeliver(*this);
    if (stopped_) co_return;
    channel_->Deliver(tag_, no_ack_, std::move(*next));
  }
}

Task<void> ServerSubscription::Stop() {
  const auto self = shared_from_this();
  if (std::exchange(stopped_, true)) co_return;
  channel_->session().changed().NotifyAll();
  co_await consumer_->Stop();
}

Task<void> ServerChannel::RoomToDeliver(const ServerSubscription& subscription) {
  while (open() && !subscription.stopped()) {
    const bool full = channel_prefetch_ != 0 && held_.size() >= channel_prefetch_;
    const bool heavy = session_->handed() > kMostHanded && !held_.empty();
    if (flowing_ && !full && !heavy && session_->unsent() < kMostUnsent) co_return;
    co_await session_->changed().Wait();
  }
}

// As RabbitMQ tells why a message is where it is: in x-death.
std::optional<Death> ServerChannel::DeathOf(const Delivery& delivery, const PublishedAt& at) const {
  const Headers& headers = delivery.message().headers;
  Death death;
  if (const auto waited = headers.Find(kDelayedIn)) {
    death.reason = "expired";
    death.queue = *waited;
    death.routing_key = *waited;
    death.count = ParseWhole(headers.Get(kDelayedTimes)).value_or(1);
    return death;
  }
  const auto reason = headers.Find(header::kDeathReason);
  if (!reason || !OriginOfDeadLetters(delivery.queue())) return std::nullopt;
  death.reason = *reason == Name(DeathReason::kExpired)         ? "expired"
                 : *reason == Name(DeathReason::kDeliveryLimit) ? "delivery_limit"
                                                                : "rejected";
  death.queue = headers.Get(header::kDeathQueue);
  const auto& known = session_->state().options.published_at;
  const bool noted = headers.Has(kOriginExchange) || !known;
  const PublishedAt from = noted ? at : known(delivery.message(), death.queue);
  death.exchange = from.exchange;
  death.routing_key = from.exchange.empty() ? death.queue : from.routing_key;
  death.at = ParseTime(headers.Get(header::kDeathTime)).value_or(0);
  return death;
}

PublishedAt ServerChannel::Origin(const Delivery& delivery) const {
  const Headers& headers = delivery.message().headers;
  if (const auto exchange = headers.Find(kOriginExchange)) {
    return PublishedAt(std::string(*exchange), std::string(headers.Get(kOriginKey)));
  }
  const auto& known = session_->state().options.published_at;
  if (known) return known(delivery.message(), delivery.queue());
  return PublishedAt("", delivery.queue());
}

void ServerChannel::AppendDelivery(const Delivery& delivery, const PublishedAt& at) {
  const auto death = DeathOf(delivery, at);
  Publication publication;
  publication.numbers = session_->state().options.numbers;
  publication.omitted = kOriginHeaders;
  publication.failed_deliveries = delivery.deliveries() - 1;
  publication.death = death ? &*death : nullptr;
  AppendContent(session_->out(), number_, session_->frame_max(), publication, delivery.message());
}

void ServerChannel::Deliver(const std::string& consumer, bool no_ack, Delivery delivery) {
  // Dropped, it goes back.
  if (!open()) return;
  const PublishedAt at = Origin(delivery);
  Delivered delivered;
  delivered.consumer = consumer;
  delivered.tag = last_tag_ + 1;
  delivered.redelivered = delivery.deliveries() > 1;
  delivered.exchange = at.exchange;
  delivered.routing_key = at.routing_key;
  AppendDeliver(session_->out(), number_, delivered);
  AppendDelivery(delivery, at);
  const std::uint64_t tag = Hold(std::move(delivery));
  if (no_ack) SettleOne(std::move(held_.extract(tag).mapped()), Outcome::kDone);
  session_->Flush();
}

void ServerChannel::OnConsumerEnded(const std::string& consumer, const Error& error) {
  if (!open() || !consumers_.contains(consumer)) return;
  log::Info("amqp_consumer_ended", {{"channel", number_}, {"reason", error.message()}});
  boost::asio::co_spawn(session_->state().executor, StopConsumer(consumer), boost::asio::detached);
  if (session_->takes_cancel()) {
    AppendCancelled(session_->out(), number_, consumer);
    session_->Flush();
  } else {
    // It would wait for ever.
    Refuse(Refusal(reply::kNotFound, error.message()), Method::kBasicConsume);
  }
}

Task<ServerChannel::MaybeRefused> ServerChannel::Consume(std::string_view payload) {
  ConsumeRequest request;
  if (!ReadConsume(payload, request)) co_return Misread();
  const auto arguments = ReadTable(request.arguments);
  if (!arguments) co_return Misread();
  if (arguments->Find("x-priority") != nullptr) {
    co_return Refusal(reply::kPreconditionFailed, "consumers have no priorities; leave x-priority out");
  }
  const std::string queue = QueueNamed(request.queue);
  ServerState& state = session_->state();
  if (auto refused = OnlyWaitedIn(state, queue)) co_return refused;
  std::string tag(request.tag);
  if (tag.empty()) tag = "ctag-" + std::to_string(number_) + "." + std::to_string(++named_consumers_);
  if (consumers_.contains(tag)) {
    co_return Refusal(reply::kNotAllowed, "this channel has a consumer " + tag + " already");
  }
  if (state.alone.contains(queue)) {
    co_return Refusal(reply::kAccessRefused, "queue '" + queue + "' in exclusive use by another consumer");
  }
  if (request.exclusive) {
    const auto stats = co_await session_->transport().Stats(queue);
    if (!stats) co_return Refusal::Of(stats.error());
    if (stats->consumers > 0) {
      co_return Refusal(reply::kAccessRefused, "queue '" + queue + "' has consumers: no exclusive use of it");
    }
  }
  const std::uint16_t wanted = prefetch_ != 0 ? std::min(prefetch_, kMostPrefetch) : kMostPrefetch;
  const ConsumeOptions options(request.no_ack ? kUnacknowledgedPrefetch : wanted);
  auto consumer = co_await session_->transport().Consume(queue, options);
  if (!consumer) co_return Refusal::Of(consumer.error());
  if (!open_) co_return std::nullopt;
  if (!session_->AddConsumer()) co_return Refusal(reply::kResourceError, "a connection has too many consumers");
  if (request.exclusive) state.alone.insert(queue);
  const auto subscription = std::make_shared<ServerSubscription>(shared_from_this(), tag, queue, request.no_ack,
                                                                 request.exclusive, std::move(*consumer));
  consumers_.emplace(tag, subscription);
  if (!request.no_wait) AppendConsumerTag(session_->out(), number_, Method::kBasicConsumeOk, tag);
  session_->Flush();
  subscription->Start();
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::Cancel(std::string_view payload) {
  std::string_view tag;
  bool no_wait = false;
  if (!ReadCancel(payload, tag, no_wait)) co_return Misread();
  co_await StopConsumer(std::string(tag));
  if (!no_wait) AppendConsumerTag(session_->out(), number_, Method::kBasicCancelOk, tag);
  session_->Flush();
  co_return std::nullopt;
}

Task<void> ServerChannel::StopConsumer(std::string tag) {
  const auto found = consumers_.find(tag);
  if (found == consumers_.end()) co_return;
  const auto self = shared_from_this();
  const auto subscription = std::move(found->second);
  consumers_.erase(found);
  session_->RemoveConsumer();
  co_await subscription->Stop();
  ServerState& state = session_->state();
  const std::string& queue = subscription->queue();
  if (subscription->alone()) state.alone.erase(queue);
  if (!state.auto_delete.contains(queue)) co_return;
  const auto stats = co_await session_->transport().Stats(queue);
  if (stats && stats->consumers > 0) co_return;
  state.auto_delete.erase(queue);
  if (Status deleted = co_await session_->transport().DeleteQueue(queue); !deleted) {
    log::Warning("amqp_queue_left", {{"queue", queue}, {"reason", deleted.error().message()}});
  }
}

// How much is left in a queue that is fetched from: to count what waits in a log takes its time, so it is done once a second.
Task<std::uint64_t> ServerChannel::Left(const std::string& queue) {
  const Millis now = session_->state().timers.Steady();
  if (counted_queue_ == queue && now - counted_at_ < kCountEvery) {
    counted_ -= counted_ > 0 ? 1 : 0;
    co_return counted_;
  }
  const auto stats = co_await session_->transport().Stats(queue);
  counted_queue_ = queue;
  counted_at_ = now;
  counted_ = stats ? stats->ready : 0;
  co_return counted_;
}

Task<ServerChannel::MaybeRefused> ServerChannel::Get(std::string_view payload) {
  GetRequest request;
  if (!ReadGet(payload, request)) co_return Misread();
  const std::string queue = QueueNamed(request.queue);
  if (auto refused = OnlyWaitedIn(session_->state(), queue)) co_return refused;
  if (session_->handed() > kMostFetched) {
    co_return Refusal(reply::kPreconditionFailed, "too much is in hand: acknowledge before you fetch more");
  }
  auto got = co_await session_->transport().Pop(queue, std::chrono::milliseconds(0));
  if (!got) co_return Refusal::Of(got.error());
  if (!open_) co_return std::nullopt;
  if (!*got) {
    AppendGetEmpty(session_->out(), number_);
    session_->Flush();
    co_return std::nullopt;
  }
  const std::uint64_t left = co_await Left(queue);
  if (!open_) co_return std::nullopt;
  const Delivery& delivery = **got;
  const PublishedAt at = Origin(delivery);
  Delivered delivered;
  delivered.tag = last_tag_ + 1;
  delivered.redelivered = delivery.deliveries() > 1;
  delivered.exchange = at.exchange;
  delivered.routing_key = at.routing_key;
  AppendGetOk(session_->out(), number_, delivered,
              static_cast<std::uint32_t>(std::min<std::uint64_t>(left, UINT32_MAX)));
  AppendDelivery(delivery, at);
  const std::uint64_t tag = Hold(std::move(**got));
  if (request.no_ack) SettleOne(std::move(held_.extract(tag).mapped()), Outcome::kDone);
  session_->Flush();
  co_return std::nullopt;
}

}  // namespace tidings::messaging::rabbitmq
