// What a RedisTransport is made of.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <tidings/messaging/redis/redis_transport.hpp>

#include "client.hpp"
#include "keys.hpp"
#include "publisher.hpp"
#include "queue.hpp"
#include "redis_consumer.hpp"
#include "redis_pub_sub.hpp"
#include "redis_streams.hpp"
#include "routing_table.hpp"
#include "subscriber.hpp"
#include "wake.hpp"

namespace tidings::redis {

// An exclusive queue outlives a connection's break, not its owner.
inline constexpr std::chrono::milliseconds kExclusiveLife{30'000};

class RedisTransport::Core : public std::enable_shared_from_this<RedisTransport::Core> {
 public:
  Core(Executor executor, Timers& timers, RedisOptions options);
  void Start();

  Task<Status> Declare(messaging::Topology topology);
  Task<Result<std::size_t>> Publish(messaging::Address to, Message message, messaging::PublishOptions options);
  Task<Status> PublishAll(std::vector<messaging::Outgoing> messages);
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout);
  Task<Result<std::unique_ptr<messaging::Consumer>>> Consume(std::string queue, messaging::ConsumeOptions options);
  Task<Result<messaging::QueueStats>> Stats(std::string queue);
  Task<Result<std::uint64_t>> Purge(std::string queue);
  Task<Status> DeleteQueue(std::string queue);
  Task<Result<std::vector<std::string>>> Queues();
  Task<void> Close();
  // Without waiting for what was published.
  void End();

  const Executor& executor() const { return executor_; }
  const messaging::Capabilities& capabilities() const { return capabilities_; }
  RedisPubSub& pub_sub() { return *pub_sub_; }
  RedisStreams& streams() { return *streams_; }

 private:
  Status CheckOpen() const;
  // What declares each: a script and its arguments.
  using Step = std::pair<const Script*, Arguments>;
  std::vector<Step> StepsFor(const messaging::QueueDeclaration& queue) const;
  Step StepFor(const messaging::ExchangeDeclaration& exchange) const;
  Step StepFor(const messaging::Binding& binding) const;
  // All that was declared over this transport.
  std::vector<Step> Declared() const;
  Task<Result<Reply>> Take(Step step);
  // Where a message goes; loads the table of exchanges where that must be.
  Task<Result<std::shared_ptr<const Target>>> Find(messaging::Address to);
  Result<std::size_t> Routed(Result<std::size_t> published, const messaging::Address& to,
                             const messaging::PublishOptions& options);
  Task<Status> CheckQueue(const std::string& queue);
  Task<Status> CheckOwner(const std::string& queue);
  std::shared_ptr<Queue> QueueOf(const std::string& name);
  Task<Result<std::shared_ptr<Wake>>> WakeOf(const QueueKeys& keys);
  Task<void> KeepExclusive();
  // Looks after what expires where nobody takes.
  Task<void> Expire();
  void WatchExpiry(const std::string& queue, std::chrono::milliseconds after);
  Task<void> DropExclusive();

  Executor executor_;
  Timers& timers_;
  RedisOptions options_;
  Keys keys_;
  messaging::Capabilities capabilities_;
  std::shared_ptr<Client> client_;
  std::shared_ptr<Subscriber> subscriber_;
  std::shared_ptr<RoutingTable> table_;
  std::shared_ptr<Publisher> publisher_;
  std::unique_ptr<RedisPubSub> pub_sub_;
  std::shared_ptr<RedisStreams> streams_;
  std::map<std::string, std::weak_ptr<Queue>> queues_;
  std::vector<std::weak_ptr<RedisConsumer::Pump>> pumps_;
  std::vector<std::weak_ptr<Wake>> wakes_;
  // What was declared, each thing once.
  std::map<std::string, messaging::ExchangeDeclaration> declared_exchanges_;
  std::map<std::string, messaging::QueueDeclaration> declared_queues_;
  std::vector<messaging::Binding> declared_bindings_;
  std::set<std::string> exclusive_;
  const std::string owner_;                 // of exclusive queues
  std::set<std::string> limited_;           // queues whose messages have a time to live
  std::map<std::string, Millis> expiring_;  // queues, by when to look whether something there has expired
  Signal closing_;
  bool closed_ = false;
};

}  // namespace tidings::redis
