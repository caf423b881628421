#include <tidings/messaging/redis/redis_transport.hpp>

#include "redis_core.hpp"

namespace tidings::redis {

using messaging::Address;
using messaging::Capabilities;
using messaging::ConsumeOptions;
using messaging::Consumer;
using messaging::Outgoing;
using messaging::PublishOptions;
using messaging::QueueStats;
using messaging::Topology;

RedisTransport::RedisTransport(Executor executor, Timers& timers, RedisOptions options)
    : core_(std::make_shared<Core>(std::move(executor), timers, std::move(options))) {
  core_->Start();
}

RedisTransport::~RedisTransport() { core_->End(); }

const Capabilities& RedisTransport::capabilities() const { return core_->capabilities(); }
Executor RedisTransport::executor() { return core_->executor(); }
messaging::PubSub* RedisTransport::pub_sub() { return &core_->pub_sub(); }
messaging::Streams* RedisTransport::streams() { return &core_->streams(); }

// Each call runs in the core, which holds itself until it is done.
Task<Status> RedisTransport::Declare(Topology topology) { return core_->Declare(std::move(topology)); }
Task<Result<std::size_t>> RedisTransport::Publish(Address to, Message message, PublishOptions options) {
  return core_->Publish(std::move(to), std::move(message), options);
}
Task<Status> RedisTransport::PublishAll(std::vector<Outgoing> messages) {
  return core_->PublishAll(std::move(messages));
}
Task<Result<std::optional<Delivery>>> RedisTransport::Pop(std::string queue, std::chrono::milliseconds timeout) {
  return core_->Pop(std::move(queue), timeout);
}
Task<Result<std::unique_ptr<Consumer>>> RedisTransport::Consume(std::string queue, ConsumeOptions options) {
  return core_->Consume(std::move(queue), options);
}
Task<Result<QueueStats>> RedisTransport::Stats(std::string queue) { return core_->Stats(std::move(queue)); }
Task<Result<std::uint64_t>> RedisTransport::Purge(std::string queue) { return core_->Purge(std::move(queue)); }
Task<Status> RedisTransport::DeleteQueue(std::string queue) { return core_->DeleteQueue(std::move(queue)); }
Task<Result<std::vector<std::string>>> RedisTransport::Queues() { return core_->Queues(); }
Task<void> RedisTransport::Close() { return core_->Close(); }

}  // namespace tidings::redis
