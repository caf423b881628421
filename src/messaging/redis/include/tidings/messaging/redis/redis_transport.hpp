// RedisTransport: queues, exchanges, publish/subscribe and streams in a Redis 7, shared by all who use the same prefix.
//
//   SystemTimers timers(context.get_executor());
//   RedisTransport transport(context.get_executor(), timers, RedisOptions(*RedisUrl::Parse("redis://127.0.0.1:6379")));
//
// What lies where, for an operator with redis-cli: docs/messaging-redis.md.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/redis/redis_url.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::redis {

class RedisOptions {
 public:
  RedisOptions() = default;
  explicit RedisOptions(RedisUrl url_, messaging::LossLedger* ledger_ = nullptr)
      : url(std::move(url_)), ledger(ledger_) {}
  RedisUrl url;
  // Begins the name of every key, as their hash tag. REQUIRES: letters, digits, '-', '_', '.'.
  std::string prefix = "tidings";
  // What vanishes is counted there. Outlives the transport.
  messaging::LossLedger* ledger = nullptr;
  std::chrono::milliseconds connect_timeout{5'000};
  // A connection on which an answer is overdue for so long is replaced by a new one; what may be sent again is.
  std::chrono::milliseconds answer_timeout{5'000};
  // A call that has no answer after so long, over all connections, fails with kUnavailable.
  std::chrono::milliseconds patience{30'000};
};

// capabilities().durable is claimed, and is true where the server runs with `appendonly yes` and `appendfsync always`. With
// `everysec`, Redis' own default once appendonly is on, what was accepted in the last second or two is lost when the machine
// dies (not when redis-server alone is killed); without appendonly everything since the last snapshot is.
//
// REQUIRES: `timers` outlive it and belong to the same executor.
class RedisTransport final : public messaging::Transport {
 public:
  // Connects in the background; calls wait for it, at most for their patience.
  RedisTransport(messaging::Executor executor, messaging::Timers& timers, RedisOptions options);
  // As Close, without waiting.
  ~RedisTransport() override;

  std::string_view name() const override { return "redis"; }
  const messaging::Capabilities& capabilities() const override;
  messaging::Executor executor() override;

  messaging::Task<Status> Declare(messaging::Topology topology) override;
  messaging::Task<Result<std::size_t>> Publish(messaging::Address to, messaging::Message message,
                                               messaging::PublishOptions options) override;
  messaging::Task<Status> PublishAll(std::vector<messaging::Outgoing> messages) override;
  messaging::Task<Result<std::optional<messaging::Delivery>>> Pop(std::string queue,
                                                                  std::chrono::milliseconds timeout) override;
  messaging::Task<Result<std::unique_ptr<messaging::Consumer>>> Consume(std::string queue,
                                                                        messaging::ConsumeOptions options) override;
  messaging::Task<Result<messaging::QueueStats>> Stats(std::string queue) override;
  messaging::Task<Result<std::uint64_t>> Purge(std::string queue) override;
  messaging::Task<Status> DeleteQueue(std::string queue) override;
  messaging::Task<Result<std::vector<std::string>>> Queues() override;
  messaging::PubSub* pub_sub() override;
  messaging::Streams* streams() override;
  messaging::Task<void> Close() override;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tidings::redis
