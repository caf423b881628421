#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

#include "rabbit_core.hpp"

namespace tidings::messaging {

using namespace rabbitmq;  // NOLINT(google-build-using-namespace): its own parts

namespace {

class RabbitConsumer final : public Consumer {
 public:
  explicit RabbitConsumer(std::shared_ptr<ConsumerCore> core) : core_(std::move(core)) {}
  ~RabbitConsumer() override { core_->StopNow(); }
  Task<Result<Delivery>> Next() override {
    const auto core = core_;
    co_return co_await core->Next();
  }
  Task<void> Stop() override {
    const auto core = core_;
    co_await core->Stop();
  }

 private:
  std::shared_ptr<ConsumerCore> core_;
};

Status CheckOptions(const Address& to, const PublishOptions& options) {
  if (options.delay.count() < 0 || (options.ttl && options.ttl->count() < 0)) {
    return Fail(ErrorCode::kInvalid, "a message's delay and time to live are not negative");
  }
  if (options.delay.count() > 0 && !to.is_queue()) {
    return Fail(ErrorCode::kInvalid,
                "a message is delayed on its way to a queue only, not to exchange " + to.exchange());
  }
  if (options.delay.count() > 0 && options.ttl) {
    return Fail(ErrorCode::kInvalid, "a message that is delayed has no time to live of its own on RabbitMQ");
  }
  if (to.exchange().size() > 255 || to.routing_key().size() > 255) {
    return Fail(ErrorCode::kInvalid, "the names of exchanges and queues and routing keys have at most 255 bytes");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RabbitTransport>> RabbitTransport::Make(Executor executor, Timers& timers, LossLedger& ledger,
                                                               RabbitOptions options) {
  const auto url = ParseUrl(options.url);
  if (!url) return std::unexpected(url.error());
  if (options.window == 0) return Fail(ErrorCode::kInvalid, "a window of 0 unconfirmed messages publishes nothing");
  auto core = std::make_shared<Core>(std::move(executor), timers, ledger, std::move(options));
  core->Begin(*url);
  return std::unique_ptr<RabbitTransport>(new RabbitTransport(std::move(core)));
}

RabbitTransport::RabbitTransport(std::shared_ptr<Core> core) : core_(std::move(core)) {}
RabbitTransport::~RabbitTransport() { core_->Abandon(); }

const Capabilities& RabbitTransport::capabilities() const { return core_->capabilities; }
Executor RabbitTransport::executor() { return core_->executor; }
PubSub* RabbitTransport::pub_sub() { return core_->pub_sub.get(); }
Streams* RabbitTransport::streams() { return core_->streams.get(); }
std::uint64_t RabbitTransport::resent() const { return core_->publisher->resent(); }

Task<Status> RabbitTransport::Declare(Topology topology) { return core_->Declare(std::move(topology)); }

Task<Result<std::size_t>> RabbitTransport::Publish(Address to, Message message, PublishOptions options) {
  const auto core = core_;
  if (Status valid = CheckOptions(to, options); !valid) co_return std::unexpected(valid.error());
  if (options.delay.count() > 0) {
    if (Status fits = Check(message); !fits) co_return std::unexpected(fits.error());
    // A queue that is not there would only be missed when the delay is over.
    const std::string queue = to.routing_key();
    const auto there = co_await Stats(queue);
    if (!there) co_return std::unexpected(there.error());
    auto delayed =
        co_await core->delays->Prepare(queue, options.delay, core->IsDurable(queue), core->options.call_timeout);
    if (!delayed) co_return std::unexpected(delayed.error());
    to = Address::Queue(std::move(*delayed));
  }
  co_return co_await core->publisher->Publish(std::move(to), std::move(message), options);
}

Task<Status> RabbitTransport::PublishAll(std::vector<Outgoing> messages) {
  const auto core = core_;
  bool plain = true;
  for (const Outgoing& outgoing : messages) {
    if (Status valid = CheckOptions(outgoing.to, outgoing.options); !valid) co_return valid;
    plain = plain && outgoing.options.delay.count() == 0;
  }
  if (plain) co_return co_await core->publisher->PublishAll(std::move(messages));
  for (Outgoing& outgoing : messages) {
    const auto published = co_await Publish(std::move(outgoing.to), std::move(outgoing.message), outgoing.options);
    if (!published) co_return std::unexpected(published.error());
  }
  co_return Status();
}

Task<Result<std::optional<Delivery>>> RabbitTransport::Pop(std::string queue, std::chrono::milliseconds timeout) {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  const Deadline deadline(core->timers, timeout);
  const Deadline call(core->timers, core->options.call_timeout);
  for (;;) {
    auto got = co_await core->getter->Get(queue, call.left());
    if (got && (*got || deadline.over())) co_return got;
    if (got) break;
    // A connection that broke is no answer.
    if (got.error().code() != ErrorCode::kUnavailable || call.over() || core->closed) co_return got;
    co_await core->timers.Sleep(std::chrono::milliseconds(20));
  }
  // None is ready: wait as a consumer of one.
  const auto waiter =
      std::make_shared<ConsumerCore>(core->executor, core->timers, core->control, core, queue, std::uint16_t{1});
  if (Status started = co_await waiter->Start(core->options.call_timeout); !started) {
    co_return std::unexpected(started.error());
  }
  auto delivery = co_await waiter->NextWithin(deadline.left());
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  co_await waiter->Stop();
  co_return delivery;
}

Task<Result<std::unique_ptr<Consumer>>> RabbitTransport::Consume(std::string queue, ConsumeOptions options) {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (options.prefetch < 1 || options.prefetch > 10'000) {
    co_return Fail(ErrorCode::kInvalid,
                   "a consumer's prefetch is 1 to 10,000, not " + std::to_string(options.prefetch));
  }
  const auto consumer =
      std::make_shared<ConsumerCore>(core->executor, core->timers, core->control, core, queue, options.prefetch);
  if (Status started = co_await consumer->Start(core->options.call_timeout); !started) {
    co_return std::unexpected(started.error());
  }
  std::erase_if(core->consumers, [](const auto& weak) { return weak.expired(); });
  core->consumers.push_back(consumer);
  co_return std::make_unique<RabbitConsumer>(consumer);
}

Task<Result<QueueStats>> RabbitTransport::Stats(std::string queue) {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  co_return co_await core->WithConnection([&](std::shared_ptr<Connection> connection) -> Task<Result<QueueStats>> {
    Scratch scratch(connection);
    const auto found = co_await scratch.FindQueue(queue);
    if (!found) co_return std::unexpected(found.error());
    QueueStats stats;
    stats.ready = found->messages;
    stats.consumers = found->consumers;
    for (const std::string& delay : core->delays->Of(queue)) {
      if (const auto delayed = co_await scratch.FindQueue(delay)) stats.delayed += delayed->messages;
    }
    co_return stats;
  });
}

Task<Result<std::uint64_t>> RabbitTransport::Purge(std::string queue) {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  auto purged =
      co_await core->WithConnection([&](std::shared_ptr<Connection> connection) -> Task<Result<std::uint64_t>> {
        Scratch scratch(connection);
        const auto ready = co_await scratch.Purge(queue);
        if (!ready) co_return std::unexpected(ready.error());
        std::uint64_t all = *ready;
        for (const std::string& delay : core->delays->Of(queue)) {
          if (const auto delayed = co_await scratch.Purge(delay)) all += *delayed;
        }
        co_return all;
      });
  if (purged) core->ledger.Count(LossCause::kPurged, queue, *purged);
  co_return purged;
}

Task<Status> RabbitTransport::DeleteQueue(std::string queue) {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  // Forgotten first, so that a reconnect in between does not make it again.
  core->registry.Forget(queue);
  const Status deleted = co_await core->WithConnection([&](std::shared_ptr<Connection> connection) -> Task<Status> {
    Scratch scratch(connection);
    // RabbitMQ's delete succeeds where there is no queue.
    const auto gone = co_await scratch.Delete(queue);
    if (!gone) co_return std::unexpected(gone.error());
    core->ledger.Count(LossCause::kPurged, queue, *gone);
    for (const std::string& delay : core->delays->Of(queue)) {
      const auto delayed = co_await scratch.Delete(delay);
      core->ledger.Count(LossCause::kPurged, queue, delayed.value_or(0));
    }
    const std::string dead = DeadLetterQueue(queue);
    const auto found = co_await scratch.FindQueue(dead);
    if (found && found->messages == 0) std::ignore = co_await scratch.Delete(dead);
    co_return Status();
  });
  core->delays->Forget(queue);
  co_return deleted;
}

Task<Result<std::vector<std::string>>> RabbitTransport::Queues() {
  const auto core = core_;
  if (core->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  std::vector<std::string> names = core->registry.Queues();
  for (const std::string& name : core->registry.Queues()) {
    const QueueOptions* options = core->registry.Find(name);
    if (options != nullptr && options->dead_letters) names.push_back(DeadLetterQueue(name));
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  co_return names;
}

Task<Status> RabbitTransport::Connect(std::chrono::milliseconds timeout) {
  const auto core = core_;
  const Deadline deadline(core->timers, timeout);
  const auto control = co_await core->control->Ready(timeout);
  if (!control) co_return std::unexpected(control.error());
  const auto outbound = co_await core->outbound->Ready(deadline.left());
  if (!outbound) co_return std::unexpected(outbound.error());
  co_return Status();
}

Task<void> RabbitTransport::Close() {
  const auto core = core_;
  if (std::exchange(core->closed, true)) co_return;
  for (const auto& weak : core->consumers) {
    if (const auto consumer = weak.lock()) co_await consumer->Stop();
  }
  const Deadline deadline(core->timers, core->options.close_timeout);
  co_await core->publisher->Finish(deadline.left());
  co_await core->streams->Finish(deadline.left());
  co_await core->EndExclusive(deadline.left());
  core->publisher->Abandon();
  core->pub_sub->Abandon();
  core->streams->Close();
  co_await core->outbound->Stop();
  co_await core->control->Stop();
  core->getter->Close();
}

}  // namespace tidings::messaging
