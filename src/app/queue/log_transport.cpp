#include <tidings/app/log_transport.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

#include "log_connection.hpp"

namespace tidings::app {

using messaging::Address;
using messaging::ConsumeOptions;
using messaging::Consumer;
using messaging::Delivery;
using messaging::Message;
using messaging::Outgoing;
using messaging::PublishOptions;
using messaging::QueueStats;
using messaging::Task;
using messaging::Topology;

namespace {

// So many messages in a row are taken without giving way to others.
constexpr std::uint32_t kMostInARow = 64;

Status CheckPublish(const Outgoing& outgoing) {
  const PublishOptions& options = outgoing.options;
  if (options.delay.count() < 0 || (options.ttl && options.ttl->count() < 0)) {
    return Fail(ErrorCode::kInvalid, "a message's delay and time to live are not negative");
  }
  if (options.delay.count() > 0 && !outgoing.to.is_queue()) {
    return Fail(ErrorCode::kInvalid,
                "a message is delayed on its way to a queue only, not to exchange " + outgoing.to.exchange());
  }
  return Check(outgoing.message);
}

class LogConsumer final : public Consumer {
 public:
  LogConsumer(std::shared_ptr<LogConnection> connection, std::shared_ptr<LogQueue> queue, std::uint16_t prefetch)
      : intake_(std::make_shared<LogIntake>(std::move(connection), std::move(queue), prefetch)) {
    intake_->CountAsConsumer();
  }
  ~LogConsumer() override { End(); }

  Task<Result<Delivery>> Next() override {
    // It may end meanwhile.
    const auto intake = intake_;
    // With others at the queue each takes one in its turn.
    if (++turn_ >= (intake->queue().consumers() > 1 ? 1 : kMostInARow)) {
      turn_ = 0;
      co_await boost::asio::post(intake->connection().broker->executor(), boost::asio::use_awaitable);
    }
    for (;;) {
      if (auto delivery = intake->TryNext()) co_return std::move(*delivery);
      if (!intake->stopped().empty()) co_return Fail(ErrorCode::kUnavailable, intake->stopped());
      if (intake->queue().gone()) {
        co_return Fail(ErrorCode::kUnavailable, "queue " + intake->queue().name() + " was deleted");
      }
      if (!co_await intake->Wait(std::nullopt)) {
        co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
      }
    }
  }

  Task<void> Stop() override {
    End();
    co_return;
  }

 private:
  void End() { intake_->Stop("the consumer of queue " + intake_->queue().name() + " was stopped"); }

  std::shared_ptr<LogIntake> intake_;
  std::uint32_t turn_ = 0;
};

Status CheckOpen(const LogConnection& connection) {
  if (connection.closed) return Fail(ErrorCode::kUnavailable, "the transport is closed");
  return {};
}

Result<std::shared_ptr<LogQueue>> FindOpen(const LogConnection& connection, const std::string& queue) {
  if (Status open = CheckOpen(connection); !open) return std::unexpected(open.error());
  return connection.broker->Find(queue, &connection);
}

// What waits in the log up to `head`, not read yet.
Task<Result<std::uint64_t>> Unread(LogBrokerState& broker, const LogQueue& queue, chat::Position head) {
  if (queue.filter().empty()) co_return std::uint64_t{0};
  for (;;) {
    const chat::Position from = queue.read();
    if (from >= head) co_return std::uint64_t{0};
    auto unread = co_await broker.views().Count(queue.filter(), from, head);
    // Others may have read on meanwhile.
    if (!unread || queue.gone() || queue.read() == from) co_return unread;
  }
}

}  // namespace

LogBroker::LogBroker(messaging::Executor executor, messaging::Timers& timers, messaging::LossLedger& ledger,
                     LogSources sources, LogBrokerOptions options)
    : state_(std::make_shared<LogBrokerState>(std::move(executor), timers, ledger, sources, std::move(options))) {}
LogBroker::~LogBroker() { state_->Abandon(); }
Task<Status> LogBroker::Open() { return state_->Open(); }
void LogBroker::Wake() { state_->Wake(); }
Task<Status> LogBroker::Save() { return state_->Save(); }
Task<Status> LogBroker::Close() { return state_->Close(); }
std::size_t LogBroker::transports() const { return state_->connections(); }
Topology LogBroker::topology() const { return state_->TopologyNow(); }
bool LogBroker::HasExchange(std::string_view name) const { return state_->HasExchange(name); }
std::optional<messaging::QueueOptions> LogBroker::OptionsOf(std::string_view queue) const {
  const LogQueue* const found = state_->Queue(queue);
  return found != nullptr ? std::optional(found->options()) : std::nullopt;
}
std::vector<LogQueueDepth> LogBroker::Depths() const { return state_->Depths(); }

LogTransport::LogTransport(LogBroker& broker, QueueStart start)
    : connection_(std::make_shared<LogConnection>(broker.state_, start)) {
  capabilities_.durable = true;
  capabilities_.ordered = true;
  capabilities_.exchanges = true;
  capabilities_.delay = true;
  capabilities_.lists_queues = true;
}

LogTransport::~LogTransport() { connection_->Close(); }

messaging::Executor LogTransport::executor() { return connection_->broker->executor(); }

Task<Status> LogTransport::Declare(Topology topology) {
  const auto connection = connection_;
  if (Status open = CheckOpen(*connection); !open) co_return open;
  Status declared = connection->broker->Declare(topology, connection->start, connection.get());
  if (!declared) co_return declared;
  co_return co_await connection->broker->Save();
}

Task<Result<std::size_t>> LogTransport::Publish(Address to, Message message, PublishOptions options) {
  const auto connection = connection_;
  if (Status open = CheckOpen(*connection); !open) co_return std::unexpected(open.error());
  std::vector<Outgoing> one;
  one.emplace_back(std::move(to), std::move(message), options);
  if (Status checked = CheckPublish(one.front()); !checked) co_return std::unexpected(checked.error());
  co_return co_await connection->broker->Publish(std::move(one));
}

Task<Status> LogTransport::PublishAll(std::vector<Outgoing> messages) {
  const auto connection = connection_;
  if (Status open = CheckOpen(*connection); !open) co_return open;
  for (const Outgoing& outgoing : messages) {
    if (Status checked = CheckPublish(outgoing); !checked) co_return checked;
  }
  const auto published = co_await connection->broker->Publish(std::move(messages));
  if (!published) co_return std::unexpected(published.error());
  co_return Status();
}

Task<Result<std::optional<Delivery>>> LogTransport::Pop(std::string queue, std::chrono::milliseconds timeout) {
  const auto connection = connection_;
  auto found = FindOpen(*connection, queue);
  if (!found) co_return std::unexpected(found.error());
  messaging::Timers& timers = connection->broker->timers();
  const auto intake = std::make_shared<LogIntake>(connection, std::move(*found), std::uint16_t{1});
  const Millis until = timers.Steady() + timeout.count();
  for (;;) {
    if (auto delivery = intake->TryNext()) co_return std::move(delivery);
    if (!intake->stopped().empty()) co_return Fail(ErrorCode::kUnavailable, intake->stopped());
    if (intake->queue().gone()) co_return Fail(ErrorCode::kNotFound, "queue " + queue + " was deleted");
    // What is there is not always at hand.
    if (co_await intake->Read()) continue;
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    bool cancelled = cancellation.cancelled() != boost::asio::cancellation_type::none;
    const Millis left = until - timers.Steady();
    if (!cancelled && left <= 0) co_return std::nullopt;
    if (!cancelled) cancelled = !co_await intake->Wait(std::chrono::milliseconds(left));
    if (cancelled) co_return Fail(ErrorCode::kUnavailable, "waiting for a message was cancelled");
  }
}

Task<Result<std::unique_ptr<Consumer>>> LogTransport::Consume(std::string queue, ConsumeOptions options) {
  if (Status open = CheckOpen(*connection_); !open) co_return std::unexpected(open.error());
  if (options.prefetch < 1 || options.prefetch > 10'000) {
    co_return Fail(ErrorCode::kInvalid,
                   "a consumer's prefetch is 1 to 10,000, not " + std::to_string(options.prefetch));
  }
  auto found = FindOpen(*connection_, queue);
  if (!found) co_return std::unexpected(found.error());
  co_return std::make_unique<LogConsumer>(connection_, std::move(*found), options.prefetch);
}

Task<Result<QueueStats>> LogTransport::Stats(std::string queue) {
  const auto connection = connection_;
  const auto found = FindOpen(*connection, queue);
  if (!found) co_return std::unexpected(found.error());
  // So that the age of the oldest is known.
  LogBrokerState& broker = *connection->broker;
  const auto look = std::make_shared<LogIntake>(connection, *found, std::uint16_t{1});
  while ((*found)->Stats().ready == 0 && co_await look->Read()) {
  }
  const auto unread = co_await Unread(broker, **found, broker.Head());
  if (!unread) co_return std::unexpected(unread.error());
  QueueStats stats = (*found)->Stats();
  stats.ready += *unread;
  co_return stats;
}

Task<Result<std::uint64_t>> LogTransport::Purge(std::string queue) {
  const auto connection = connection_;
  const auto found = FindOpen(*connection, queue);
  if (!found) co_return std::unexpected(found.error());
  LogBrokerState& broker = *connection->broker;
  const chat::Position head = broker.Head();
  const auto unread = co_await Unread(broker, **found, head);
  if (!unread) co_return std::unexpected(unread.error());
  if ((*found)->gone()) co_return Fail(ErrorCode::kNotFound, "queue " + queue + " was deleted");
  const std::uint64_t dropped = *unread + (*found)->Purge(head);
  broker.Lose(messaging::LossCause::kPurged, queue, dropped);
  if (Status saved = co_await broker.Save(); !saved) co_return std::unexpected(saved.error());
  co_return dropped;
}

Task<Status> LogTransport::DeleteQueue(std::string queue) {
  const auto connection = connection_;
  const auto found = FindOpen(*connection, queue);
  if (!found && found.error().code() != ErrorCode::kNotFound) co_return std::unexpected(found.error());
  if (!found) co_return Status();
  LogBrokerState& broker = *connection->broker;
  const auto unread = co_await Unread(broker, **found, broker.Head());
  if (!unread) co_return std::unexpected(unread.error());
  if ((*found)->gone()) co_return Status();
  broker.Lose(messaging::LossCause::kPurged, queue, *unread);
  broker.Delete(queue);
  co_return co_await broker.Save();
}

Task<Result<std::vector<std::string>>> LogTransport::Queues() {
  if (Status open = CheckOpen(*connection_); !open) co_return std::unexpected(open.error());
  co_return connection_->broker->Queues(connection_.get());
}

Task<void> LogTransport::Close() {
  connection_->Close();
  co_return;
}

}  // namespace tidings::app
