#include <tidings/messaging/memory_transport.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <span>
#include <utility>

#include "memory_connection.hpp"
#include "memory_state.hpp"

namespace tidings::messaging {
namespace {

// So often in a row something is done without giving way to others.
constexpr std::uint32_t kMostInARow = 64;

Task<void> GiveWay(Executor executor) { co_await boost::asio::post(executor, boost::asio::use_awaitable); }

Status CheckPublish(const Address& to, const Message& message, const PublishOptions& options) {
  if (options.delay.count() < 0 || (options.ttl && options.ttl->count() < 0)) {
    return Fail(ErrorCode::kInvalid, "a message's delay and time to live are not negative");
  }
  if (options.delay.count() > 0 && !to.is_queue()) {
    return Fail(ErrorCode::kInvalid,
                "a message is delayed on its way to a queue only, not to exchange " + to.exchange());
  }
  return Check(message);
}

class MemoryConsumer final : public Consumer {
 public:
  MemoryConsumer(std::shared_ptr<MemoryConnection> connection, std::shared_ptr<MemoryQueue> queue,
                 std::uint16_t prefetch)
      : reader_(std::make_shared<MemoryReader>(std::move(connection), std::move(queue), prefetch)) {
    reader_->CountAsConsumer();
  }
  ~MemoryConsumer() override { End(); }

  Task<Result<Delivery>> Next() override {
    // With others at the queue each takes one in its turn.
    const bool gives_way = reader_->queue().ready() && ++turn_ >= (reader_->queue().consumers() > 1 ? 1 : kMostInARow);
    if (!gives_way) {
      if (auto delivery = reader_->TryNext()) co_return std::move(*delivery);
    }
    // From here on the consumer may end.
    const auto reader = reader_;
    if (gives_way) {
      turn_ = 0;
      co_await GiveWay(reader->connection().executor);
    }
    for (;;) {
      if (auto delivery = reader->TryNext()) co_return std::move(*delivery);
      if (!reader->stopped().empty()) co_return Fail(ErrorCode::kUnavailable, reader->stopped());
      if (reader->queue().gone()) {
        co_return Fail(ErrorCode::kUnavailable, "queue " + reader->queue().name() + " was deleted");
      }
      if (co_await reader->Wait(std::nullopt) == MemoryReader::Woken::kByCancellation) {
        co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
      }
    }
  }

  Task<void> Stop() override {
    End();
    co_return;
  }

 private:
  void End() { reader_->Stop("the consumer of queue " + reader_->queue().name() + " was stopped"); }

  std::shared_ptr<MemoryReader> reader_;
  std::uint32_t turn_ = 0;
};

}  // namespace

MemoryBroker::MemoryBroker(Timers& timers, LossLedger* ledger)
    : state_(std::make_shared<MemoryState>(timers, ledger)) {}
MemoryBroker::~MemoryBroker() = default;

MemoryTransport::MemoryTransport(Executor executor, Timers& timers, MemoryOptions options)
    : MemoryTransport(std::move(executor), std::make_shared<MemoryBroker>(timers, options.ledger)) {}

MemoryTransport::MemoryTransport(Executor executor, std::shared_ptr<MemoryBroker> broker)
    : executor_(std::move(executor)),
      broker_(std::move(broker)),
      connection_(std::make_shared<MemoryConnection>(broker_->state_, executor_)),
      pub_sub_(std::make_unique<MemoryPubSub>(connection_)),
      streams_(std::make_unique<MemoryStreams>(connection_)) {
  capabilities_.ordered = true;
  capabilities_.exchanges = true;
  capabilities_.delay = true;
  capabilities_.single_active = true;
  capabilities_.lists_queues = true;
  capabilities_.pub_sub = true;
  capabilities_.streams = true;
  capabilities_.stream_groups = true;
  capabilities_.stream_trim = true;
}

MemoryTransport::~MemoryTransport() { connection_->Close(); }

PubSub* MemoryTransport::pub_sub() { return pub_sub_.get(); }
Streams* MemoryTransport::streams() { return streams_.get(); }

Status MemoryTransport::CheckOpen() const {
  if (connection_->closed) return Fail(ErrorCode::kUnavailable, "the transport is closed");
  return {};
}

Task<Status> MemoryTransport::Declare(Topology topology) {
  if (Status open = CheckOpen(); !open) co_return open;
  co_return connection_->state->Declare(topology, connection_.get());
}

Result<std::size_t> MemoryTransport::PublishNow(MemoryConnection& connection, const Address& to, Message&& message,
                                                const PublishOptions& options) {
  if (connection.closed) return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (Status checked = CheckPublish(to, message, options); !checked) return std::unexpected(checked.error());
  MemoryState& state = *connection.state;
  MemoryQueue* direct = nullptr;
  std::span<MemoryQueue* const> route;
  if (to.is_queue()) {
    direct = state.Queue(to.routing_key());
    if (direct) route = std::span(&direct, 1);
  } else {
    MemoryExchange* const exchange = state.Exchange(to.exchange());
    if (!exchange) return Fail(ErrorCode::kNotFound, "there is no exchange " + to.exchange() + "; declare it first");
    route = exchange->Route(to.routing_key());
  }
  if (route.empty()) {
    const std::string where = to.is_queue() ? "queue " + to.routing_key() : "exchange " + to.exchange();
    if (options.require_route) {
      return Fail(ErrorCode::kNotFound, to.is_queue()
                                            ? "there is no " + where + "; declare it first"
                                            : where + " has no queue for routing key \"" + to.routing_key() + "\"");
    }
    state.Lose(LossCause::kUnrouted, to.is_queue() ? to.routing_key() : to.exchange());
    return 0;
  }
  for (const MemoryQueue* const queue : route) {
    if (queue->full()) {
      return Fail(ErrorCode::kUnavailable, "refused: queue " + queue->name() + " is full, it holds " +
                                               std::to_string(*queue->options().max_length) + " messages");
    }
  }
  for (MemoryQueue* const queue : route.first(route.size() - 1))
    queue->Accept(Message(message), options.delay, options.ttl);
  route.back()->Accept(std::move(message), options.delay, options.ttl);
  return route.size();
}

Task<Result<std::size_t>> MemoryTransport::Publish(Address to, Message message, PublishOptions options) {
  // Nobody overtakes one that gives way.
  if (connection_->giving_way == 0 && ++turn_ < kMostInARow) {
    co_return PublishNow(*connection_, to, std::move(message), options);
  }
  turn_ = 0;
  // It may end meanwhile.
  const auto connection = connection_;
  ++connection->giving_way;
  co_await GiveWay(executor_);
  --connection->giving_way;
  co_return PublishNow(*connection, to, std::move(message), options);
}

Task<Status> MemoryTransport::PublishAll(std::vector<Outgoing> messages) {
  const auto connection = connection_;
  std::uint32_t turn = 0;
  for (Outgoing& outgoing : messages) {
    if (++turn >= kMostInARow) {
      turn = 0;
      co_await GiveWay(connection->executor);
    }
    const auto published = PublishNow(*connection, outgoing.to, std::move(outgoing.message), outgoing.options);
    if (!published) co_return std::unexpected(published.error());
  }
  co_return Status();
}

Task<Result<std::optional<Delivery>>> MemoryTransport::Pop(std::string queue, std::chrono::milliseconds timeout) {
  if (Status open = CheckOpen(); !open) co_return std::unexpected(open.error());
  auto found = connection_->state->Find(queue, connection_.get());
  if (!found) co_return std::unexpected(found.error());
  Timers& timers = connection_->state->timers();
  const auto reader = std::make_shared<MemoryReader>(connection_, std::move(*found), std::uint16_t{1});
  const Millis until = timers.Steady() + timeout.count();
  for (;;) {
    if (auto delivery = reader->TryNext()) co_return std::move(delivery);
    if (!reader->stopped().empty()) co_return Fail(ErrorCode::kUnavailable, reader->stopped());
    if (reader->queue().gone()) co_return Fail(ErrorCode::kNotFound, "queue " + queue + " was deleted");
    const Millis left = until - timers.Steady();
    if (left <= 0) co_return std::nullopt;
    if (co_await reader->Wait(std::chrono::milliseconds(left)) == MemoryReader::Woken::kByCancellation) {
      co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
    }
  }
}

Task<Result<std::unique_ptr<Consumer>>> MemoryTransport::Consume(std::string queue, ConsumeOptions options) {
  if (Status open = CheckOpen(); !open) co_return std::unexpected(open.error());
  if (options.prefetch < 1 || options.prefetch > 10'000) {
    co_return Fail(ErrorCode::kInvalid,
                   "a consumer's prefetch is 1 to 10,000, not " + std::to_string(options.prefetch));
  }
  auto found = connection_->state->Find(queue, connection_.get());
  if (!found) co_return std::unexpected(found.error());
  co_return std::make_unique<MemoryConsumer>(connection_, std::move(*found), options.prefetch);
}

Task<Result<QueueStats>> MemoryTransport::Stats(std::string queue) {
  if (Status open = CheckOpen(); !open) co_return std::unexpected(open.error());
  const auto found = connection_->state->Find(queue, connection_.get());
  if (!found) co_return std::unexpected(found.error());
  co_return (*found)->Stats();
}

Task<Result<std::uint64_t>> MemoryTransport::Purge(std::string queue) {
  if (Status open = CheckOpen(); !open) co_return std::unexpected(open.error());
  const auto found = connection_->state->Find(queue, connection_.get());
  if (!found) co_return std::unexpected(found.error());
  co_return (*found)->Purge();
}

Task<Status> MemoryTransport::DeleteQueue(std::string queue) {
  if (Status open = CheckOpen(); !open) co_return open;
  const auto found = connection_->state->Find(queue, connection_.get());
  if (!found && found.error().code() == ErrorCode::kConflict) co_return std::unexpected(found.error());
  if (found) connection_->state->Delete(queue);
  co_return Status();
}

Task<Result<std::vector<std::string>>> MemoryTransport::Queues() {
  if (Status open = CheckOpen(); !open) co_return std::unexpected(open.error());
  co_return connection_->state->Queues(connection_.get());
}

Task<void> MemoryTransport::Close() {
  connection_->Close();
  co_return;
}

}  // namespace tidings::messaging
