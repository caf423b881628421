#include "rabbit_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <tuple>
#include <utility>

#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {

using namespace rabbitmq;  // NOLINT(google-build-using-namespace): its own parts

RabbitTransport::Core::Core(Executor executor_, Timers& timers_, LossLedger& ledger_, RabbitOptions options_)
    : executor(std::move(executor_)), timers(timers_), ledger(ledger_), options(std::move(options_)) {
  capabilities.durable = true;
  capabilities.ordered = true;
  capabilities.exchanges = true;
  capabilities.delay = true;
  capabilities.shared = true;
  capabilities.counts_lag = true;
  capabilities.single_active = true;
  capabilities.pub_sub = true;
  capabilities.streams = true;
  capabilities.stream_groups = true;
}

void RabbitTransport::Core::Begin(const Url& url) {
  LinkOptions link;
  link.connection.heartbeat = options.heartbeat;
  link.connection.connect = options.connect_timeout;
  link.connection.call = options.call_timeout;
  link.connection.load = std::make_shared<Load>(options.most_read_pause);
  link.first_pause = options.first_pause;
  link.most_pause = options.most_pause;

  const std::weak_ptr weak = weak_from_this();
  link.connection.name = options.name + " (consuming)";
  control = std::make_shared<Link>(
      executor, timers, url, link, [weak](std::shared_ptr<Connection> connection) -> Task<Status> {
        const auto core = weak.lock();
        if (!core) co_return Fail(ErrorCode::kUnavailable, "the transport is gone");
        co_return co_await rabbitmq::Declare(std::move(connection), core->registry.All(true), OnRefusal::kSkip);
      });
  link.connection.name = options.name + " (publishing)";
  // What is published has to find its queues: those of the other connection too, if it has some of its own.
  outbound = std::make_shared<Link>(
      executor, timers, url, link, [weak](std::shared_ptr<Connection> connection) -> Task<Status> {
        const auto core = weak.lock();
        if (!core) co_return Fail(ErrorCode::kUnavailable, "the transport is gone");
        if (core->registry.has_exclusive()) std::ignore = co_await core->control->Ready(core->options.connect_timeout);
        co_return co_await rabbitmq::Declare(std::move(connection), core->registry.All(false), OnRefusal::kSkip);
      });
  PublisherOptions publishing;
  publishing.window = options.window;
  publishing.most_waiting = options.most_waiting;
  publishing.timeout = options.publish_timeout;
  publishing.numbers = options.numbers;
  publisher = std::make_shared<Publisher>(executor, timers, ledger, outbound, publishing);
  delays = std::make_unique<Delays>(timers, control);
  getter = std::make_unique<Getter>(executor, timers, control, weak);
  pub_sub = std::make_unique<RabbitPubSub>(executor, timers, ledger, control, publisher, options.call_timeout);
  streams = std::make_shared<RabbitStreams>(executor, timers, ledger, control, publisher, options);
}

void RabbitTransport::Core::Abandon() {
  closed = true;
  for (const auto& weak : consumers) {
    if (const auto consumer = weak.lock()) consumer->StopNow();
  }
  publisher->Abandon();
  pub_sub->Abandon();
  streams->Close();
  getter->Close();
  control->Abandon();
  outbound->Abandon();
}

bool RabbitTransport::Core::IsDurable(std::string_view queue) const {
  const QueueOptions* known = registry.Find(queue);
  return known == nullptr || (known->durable && !known->exclusive);
}

Task<Status> RabbitTransport::Core::PutBack(std::string queue, Message message, std::chrono::milliseconds delay) {
  const auto self = shared_from_this();
  std::string target = queue;
  if (delay.count() > 0) {
    auto prepared = co_await delays->Prepare(queue, delay, IsDurable(queue), options.call_timeout);
    if (!prepared) co_return std::unexpected(prepared.error());
    target = std::move(*prepared);
  }
  const auto published = co_await publisher->Publish(Address::Queue(target), std::move(message), PublishOptions());
  if (!published && published.error().code() == ErrorCode::kNotFound) delays->Forget(target);
  co_return published ? Status() : Status(std::unexpected(published.error()));
}

Task<Status> RabbitTransport::Core::PutAmongDead(std::string queue, Message message) {
  const auto self = shared_from_this();
  const QueueOptions* known = registry.Find(queue);
  const QueueOptions as = known != nullptr ? *known : QueueOptions();
  if (!as.dead_letters) {
    ledger.Count(LossCause::kNoDeadLetter, queue);
    co_return Status();
  }
  const Address dead = Address::Queue(DeadLetterQueue(queue));
  auto published = co_await publisher->Publish(dead, message, PublishOptions());
  if (!published && published.error().code() == ErrorCode::kNotFound) {
    // A queue that was found, or whose dead letters were deleted.
    Topology topology;
    QueueOptions options_of_dead = as;
    options_of_dead.dead_letters = false;
    options_of_dead.delivery_limit = 0;
    options_of_dead.max_length.reset();
    options_of_dead.message_ttl.reset();
    topology.AddQueue(DeadLetterQueue(queue), options_of_dead);
    const Status declared = co_await WithConnection([&](std::shared_ptr<Connection> connection) {
      return rabbitmq::Declare(std::move(connection), topology, OnRefusal::kFail);
    });
    if (!declared) co_return declared;
    published = co_await publisher->Publish(dead, std::move(message), PublishOptions());
  }
  co_return published ? Status() : Status(std::unexpected(published.error()));
}

Task<Status> RabbitTransport::Core::Restore(std::string queue) {
  const auto self = shared_from_this();
  const QueueOptions* known = registry.Find(queue);
  if (known == nullptr) co_return Fail(ErrorCode::kNotFound, "queue " + queue + " was not declared here");
  const auto connection = control->current();
  if (!connection) co_return Status();
  co_return co_await rabbitmq::Declare(connection, registry.All(true), OnRefusal::kSkip);
}

Task<Status> RabbitTransport::Core::Declare(Topology topology) {
  const auto self = shared_from_this();
  if (closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (Status valid = Check(topology); !valid) co_return valid;
  const Status declared = co_await WithConnection([&](std::shared_ptr<Connection> connection) {
    return rabbitmq::Declare(std::move(connection), topology, OnRefusal::kFail);
  });
  if (declared) registry.Remember(topology);
  co_return declared;
}

Task<void> RabbitTransport::Core::EndExclusive(std::chrono::milliseconds timeout) {
  const auto connection = control->current();
  auto queues = registry.Exclusive();
  if (!connection || queues.empty()) co_return;
  const auto ended = std::make_shared<Signal>(executor);
  const auto all = std::make_shared<bool>(false);
  // A broker that stands still ends it with the connection.
  boost::asio::co_spawn(
      executor,
      [](std::shared_ptr<Core> core, std::shared_ptr<Connection> on, std::vector<std::string> names,
         std::shared_ptr<Signal> done, std::shared_ptr<bool> is_done) -> Task<void> {
        Scratch scratch(on);
        for (const std::string& name : names) {
          core->registry.Forget(name);
          const auto waited = co_await scratch.Delete(name);
          if (!waited) break;
          core->ledger.Count(LossCause::kPurged, name, *waited);
        }
        *is_done = true;
        done->NotifyAll();
      }(shared_from_this(), connection, std::move(queues), ended, all),
      boost::asio::detached);
  const Deadline deadline(timers, timeout);
  while (!*all && !deadline.over()) co_await ended->WaitFor(timers, deadline.left());
}

}  // namespace tidings::messaging
