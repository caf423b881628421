#include "redis_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include <tidings/base/id.hpp>

#include "scripts.hpp"

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kDrain{5'000};
constexpr std::chrono::milliseconds kExclusiveBeat{5'000};
constexpr std::chrono::milliseconds kExpiryLook{100};
constexpr std::chrono::milliseconds kExpiryLookAgain{1'000};
constexpr std::chrono::milliseconds kExpiryLease{10'000};

ClientOptions OptionsFor(const RedisOptions& options) {
  ClientOptions client;
  client.url = options.url;
  client.connect_timeout = options.connect_timeout;
  client.answer_timeout = options.answer_timeout;
  client.patience = options.patience;
  return client;
}

ClientOptions With(ClientOptions options, decltype(ClientOptions::replay) replay) {
  options.scripts = scripts::All();
  options.replay = std::move(replay);
  return options;
}

}  // namespace

RedisTransport::Core::Core(Executor executor, Timers& timers, RedisOptions options)
    : executor_(std::move(executor)),
      timers_(timers),
      options_(std::move(options)),
      keys_(options_.prefix),
      client_(std::make_shared<Client>(executor_, timers_, With(OptionsFor(options_), [this] { return Declared(); }))),
      subscriber_(std::make_shared<Subscriber>(executor_, timers_, OptionsFor(options_))),
      table_(std::make_shared<RoutingTable>(client_, keys_)),
      publisher_(std::make_shared<Publisher>(executor_, client_, table_)),
      pub_sub_(std::make_unique<RedisPubSub>(executor_, client_, subscriber_, keys_, options_.ledger)),
      streams_(
          std::make_shared<RedisStreams>(executor_, timers_, client_, OptionsFor(options_), keys_, options_.ledger)),
      owner_(RandomToken(12)),
      closing_(executor_) {
  capabilities_.durable = true;
  capabilities_.ordered = true;
  capabilities_.exchanges = true;
  capabilities_.delay = true;
  capabilities_.shared = true;
  capabilities_.leases = true;
  capabilities_.single_active = true;
  capabilities_.lists_queues = true;
  capabilities_.pub_sub = true;
  capabilities_.streams = true;
  capabilities_.stream_groups = true;
  capabilities_.stream_trim = true;
}

void RedisTransport::Core::Start() {
  client_->Start();
  asio::co_spawn(executor_, [self = shared_from_this()] { return self->KeepExclusive(); }, asio::detached);
  asio::co_spawn(executor_, [self = shared_from_this()] { return self->Expire(); }, asio::detached);
}

Status RedisTransport::Core::CheckOpen() const {
  if (closed_) return Fail(ErrorCode::kUnavailable, "refused: this transport is closed");
  return {};
}

std::shared_ptr<Queue> RedisTransport::Core::QueueOf(const std::string& name) {
  if (queues_.size() > 10'000) std::erase_if(queues_, [](const auto& queue) { return queue.second.expired(); });
  auto& held = queues_[name];
  auto queue = held.lock();
  if (!queue) {
    queue = std::make_shared<Queue>(executor_, client_, timers_, options_.ledger, keys_, name);
    held = queue;
  }
  return queue;
}

Task<Result<std::shared_ptr<const Target>>> RedisTransport::Core::Find(messaging::Address to) {
  if (to.is_queue()) co_return table_->Straight(to.routing_key());
  if (!table_->loaded()) {
    if (const auto loaded = co_await table_->Load(); !loaded) co_return std::unexpected(loaded.error());
  }
  auto target = table_->Route(to.exchange(), to.routing_key());
  if (!target) {
    // It may be newer than what we know.
    if (const auto loaded = co_await table_->Load(); !loaded) co_return std::unexpected(loaded.error());
    target = table_->Route(to.exchange(), to.routing_key());
  }
  if (!target) co_return Fail(ErrorCode::kNotFound, "there is no exchange " + to.exchange() + "; declare it first");
  co_return target;
}

Result<std::size_t> RedisTransport::Core::Routed(Result<std::size_t> published, const messaging::Address& to,
                                                 const messaging::PublishOptions& options) {
  const bool missing = !published && to.is_queue() && published.error().code() == ErrorCode::kNotFound;
  if (!missing && (!published || *published > 0)) return published;
  if (!options.require_route) {
    if (options_.ledger != nullptr) {
      options_.ledger->Count(LossCause::kUnrouted, to.is_queue() ? to.routing_key() : to.exchange());
    }
    return 0;
  }
  if (missing) return published;
  return Fail(ErrorCode::kNotFound, "no queue of " + to.exchange() + " is bound for " + to.routing_key());
}

namespace {

Status CheckOutgoing(const messaging::Address& to, const Message& message, const messaging::PublishOptions& options) {
  if (auto checked = Check(message); !checked) return checked;
  if (options.delay.count() < 0 || (options.ttl && options.ttl->count() < 0)) {
    return Fail(ErrorCode::kInvalid, "a delay and a time to live are not negative");
  }
  if (options.delay.count() > 0 && !to.is_queue()) {
    return Fail(ErrorCode::kInvalid, "a delay needs a queue as address, not an exchange");
  }
  if (to.is_queue()) return messaging::CheckName(to.routing_key());
  if (to.routing_key().size() > 255) return Fail(ErrorCode::kInvalid, "a routing key has at most 255 bytes");
  return messaging::CheckName(to.exchange());
}

}  // namespace

Task<Result<std::size_t>> RedisTransport::Core::Publish(messaging::Address to, Message message,
                                                        messaging::PublishOptions options) {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return std::unexpected(open.error());
  if (auto checked = CheckOutgoing(to, message, options); !checked) co_return std::unexpected(checked.error());
  std::shared_ptr<const Target> target;
  if (to.is_queue()) {
    target = table_->Straight(to.routing_key());
  } else {
    auto found = co_await Find(to);
    if (!found) co_return std::unexpected(found.error());
    target = std::move(*found);
  }
  if (options.ttl) {
    for (const std::string& queue : target->queues) WatchExpiry(queue, *options.ttl);
  }
  Result<std::size_t> result(0);
  const auto initiate = [&](auto handler) {
    publisher_->Add(std::move(target), message, options,
                    [&result, handler = std::move(handler)](Result<std::size_t> published) mutable {
                      result = std::move(published);
                      std::move(handler)();
                    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, asio::use_awaitable);
  co_return Routed(std::move(result), to, options);
}

Task<Status> RedisTransport::Core::PublishAll(std::vector<messaging::Outgoing> messages) {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return open;
  // Shared with the answers, which may come after this was cancelled.
  struct Progress {
    explicit Progress(const Executor& executor) : changed(executor) {}
    std::size_t waiting = 0;
    Status status;
    Signal changed;
  };
  const auto progress = std::make_shared<Progress>(executor_);
  constexpr std::size_t kMostUnsent = 4'096;
  for (messaging::Outgoing& outgoing : messages) {
    Status checked = CheckOutgoing(outgoing.to, outgoing.message, outgoing.options);
    std::shared_ptr<const Target> target;
    if (checked && outgoing.to.is_queue()) {
      target = table_->Straight(outgoing.to.routing_key());
    } else if (checked) {
      auto found = co_await Find(outgoing.to);
      if (found) {
        target = std::move(*found);
      } else {
        checked = std::unexpected(found.error());
      }
    }
    if (!checked && progress->status) progress->status = checked;
    while (progress->waiting >= kMostUnsent && progress->status) co_await progress->changed.Wait();
    if (!progress->status) break;
    if (outgoing.options.ttl) {
      for (const std::string& queue : target->queues) WatchExpiry(queue, *outgoing.options.ttl);
    }
    ++progress->waiting;
    publisher_->Add(std::move(target), outgoing.message, outgoing.options,
                    [self, progress, to = outgoing.to, options = outgoing.options](Result<std::size_t> published) {
                      auto routed = self->Routed(std::move(published), to, options);
                      if (!routed && progress->status) progress->status = std::unexpected(routed.error());
                      --progress->waiting;
                      if (progress->waiting == 0 || !routed || progress->waiting == kMostUnsent / 2) {
                        progress->changed.NotifyAll();
                      }
                    });
  }
  while (progress->waiting > 0) co_await progress->changed.Wait();
  co_return progress->status;
}

Task<Status> RedisTransport::Core::CheckQueue(const std::string& queue) {
  if (auto open = CheckOpen(); !open) co_return open;
  if (auto named = messaging::CheckName(queue); !named) co_return named;
  const auto reply = co_await client_->Call(Arguments{"EXISTS", keys_.Queue(queue).options}, true);
  if (!reply) co_return std::unexpected(reply.error());
  if ((*reply)->integer() == 0) co_return Fail(ErrorCode::kNotFound, "there is no queue " + queue);
  co_return Status();
}

Task<Status> RedisTransport::Core::CheckOwner(const std::string& queue) {
  const auto reply = co_await client_->Call(Arguments{"HGET", keys_.Queue(queue).options, "exclusive"}, true);
  if (!reply) co_return std::unexpected(reply.error());
  if ((*reply)->is_null() || (*reply)->text() == owner_) co_return Status();
  co_return Fail(ErrorCode::kConflict, "the queue " + queue + " is exclusive to another connection");
}

Task<Result<std::shared_ptr<Wake>>> RedisTransport::Core::WakeOf(const QueueKeys& keys) {
  auto wake = std::make_shared<Wake>(executor_);
  std::erase_if(wakes_, [](const auto& held) { return held.expired(); });
  wakes_.push_back(wake);
  std::vector<std::string> channels{keys.wake};
  if (const auto added = co_await subscriber_->Add(wake, std::move(channels)); !added) {
    co_return std::unexpected(added.error());
  }
  co_return wake;
}

Task<Result<std::optional<Delivery>>> RedisTransport::Core::Pop(std::string queue, std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  if (auto open = CheckOpen(); !open) co_return std::unexpected(open.error());
  if (auto named = messaging::CheckName(queue); !named) co_return std::unexpected(named.error());
  constexpr std::chrono::milliseconds kPopLease{30'000};
  constexpr Millis kLookAgain = 1'000;
  const auto fetcher = std::make_shared<Fetcher>(executor_, QueueOf(queue), kPopLease, owner_);
  const Millis until = timers_.Steady() + timeout.count();
  std::shared_ptr<Wake> wake;
  for (;;) {
    const auto taken = co_await fetcher->Take(1, Fetcher::As::kPop);
    if (!taken && (taken.error().code() != ErrorCode::kUnavailable || closed_ || timers_.Steady() >= until)) {
      co_return std::unexpected(taken.error());
    }
    if (auto delivery = co_await fetcher->HandOut()) co_return std::move(*delivery);
    if (taken && *taken > 0) continue;
    if (timers_.Steady() >= until) co_return std::nullopt;
    if (!wake) {
      auto made = co_await WakeOf(fetcher->queue().keys());
      if (!made) co_return std::unexpected(made.error());
      wake = std::move(*made);
      continue;  // what came before it listened
    }
    Millis wait = std::min(until - timers_.Steady(), kLookAgain);
    if (const auto due = fetcher->next_due()) wait = std::min(wait, due->count() + 1);
    if (!taken) wait = std::min<Millis>(wait, 50);
    co_await wake->Wait(timers_, std::chrono::milliseconds(std::max<Millis>(wait, 0)));
  }
}

Task<Result<std::unique_ptr<messaging::Consumer>>> RedisTransport::Core::Consume(std::string queue,
                                                                                 messaging::ConsumeOptions options) {
  const auto self = shared_from_this();
  if (options.prefetch < 1 || options.prefetch > 10'000) {
    co_return Fail(ErrorCode::kInvalid, "a prefetch is 1 to 10,000, not " + std::to_string(options.prefetch));
  }
  if (options.lease.count() < 1) co_return Fail(ErrorCode::kInvalid, "a lease is 1 ms or longer");
  if (auto checked = co_await CheckQueue(queue); !checked) co_return std::unexpected(checked.error());
  if (auto owned = co_await CheckOwner(queue); !owned) co_return std::unexpected(owned.error());
  auto wake = co_await WakeOf(keys_.Queue(queue));
  if (!wake) co_return std::unexpected(wake.error());
  auto consumer = std::make_unique<RedisConsumer>(executor_, QueueOf(queue), std::move(*wake), options, owner_);
  std::erase_if(pumps_, [](const auto& pump) { return pump.expired(); });
  pumps_.push_back(consumer->pump());
  co_return consumer;
}

Task<void> RedisTransport::Core::Close() {
  const auto self = shared_from_this();
  if (closed_) co_return;
  closed_ = true;
  for (const auto& held : pumps_) RedisConsumer::StopPump(held);
  const Millis until = timers_.Steady() + kDrain.count();
  while (client_->unanswered() + publisher_->unanswered() > 0 && client_->connected() && timers_.Steady() < until) {
    co_await publisher_->answered().WaitFor(timers_, std::chrono::milliseconds(5));
  }
  co_await DropExclusive();
  End();
}

void RedisTransport::Core::End() {
  closed_ = true;
  for (const auto& held : pumps_) RedisConsumer::StopPump(held);
  for (const auto& held : wakes_) {
    if (const auto wake = held.lock()) wake->Ring();
  }
  for (const auto& [name, held] : queues_) {
    if (const auto queue = held.lock()) queue->Flush();
  }
  publisher_->Close();
  closing_.NotifyAll();
  pub_sub_->Close();
  streams_->Close();
  subscriber_->Close();
  client_->Close();
}

Task<void> RedisTransport::Core::KeepExclusive() {
  const auto self = shared_from_this();
  while (!closed_) {
    co_await closing_.WaitFor(timers_, kExclusiveBeat);
    for (const std::string& queue : exclusive_) {
      const QueueKeys keys = keys_.Queue(queue);
      Arguments arguments{"6",         keys.options, keys.ready,     keys.messages,
                          keys.leased, keys.delayed, keys.consumers, std::to_string(kExclusiveLife.count())};
      client_->Send(std::make_unique<Request>(scripts::kKeepAlive, std::move(arguments), [](Result<Value>, bool) {}));
    }
  }
}

void RedisTransport::Core::WatchExpiry(const std::string& queue, std::chrono::milliseconds after) {
  const Millis when = timers_.Steady() + after.count();
  const auto [watched, added] = expiring_.try_emplace(queue, when);
  if (!added) watched->second = std::min(watched->second, when);
}

Task<void> RedisTransport::Core::Expire() {
  const auto self = shared_from_this();
  while (!closed_) {
    co_await closing_.WaitFor(timers_, kExpiryLook);
    std::vector<std::string> due;
    for (const auto& [queue, when] : expiring_) {
      if (when <= timers_.Steady()) due.push_back(queue);
    }
    for (const std::string& queue : due) {
      if (closed_) co_return;
      expiring_.erase(queue);
      const auto fetcher = std::make_shared<Fetcher>(executor_, QueueOf(queue), kExpiryLease, owner_);
      const auto next = co_await fetcher->Expire();
      if (next && *next) {
        WatchExpiry(queue, **next);
      } else if (next ? limited_.contains(queue) : next.error().code() == ErrorCode::kUnavailable) {
        // Others publish there too; or it could not be asked.
        WatchExpiry(queue, kExpiryLookAgain);
      }
    }
  }
}

Task<void> RedisTransport::Core::DropExclusive() {
  const auto owned = std::exchange(exclusive_, {});
  if (!client_->connected()) co_return;  // they expire
  for (const std::string& queue : owned) {
    const auto dropped = co_await DeleteQueue(queue);
    (void)dropped;
  }
}

}  // namespace tidings::redis
