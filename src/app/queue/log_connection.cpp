#include "log_connection.hpp"

#include <boost/asio/this_coro.hpp>

namespace tidings::app {

using messaging::Delivery;
using messaging::Message;
using messaging::Task;

LogSettlement::~LogSettlement() {
  if (Ours()) {
    const chat::QueuePlace place = Release();
    intake_->queue().GiveBackUnsettled(place);
  }
}

bool LogSettlement::Ours() const { return place_ && !intake_->queue().gone(); }

Status LogSettlement::NotOurs() const {
  return Fail(ErrorCode::kConflict, "the delivery from queue " + intake_->queue().name() +
                                        " is not ours any more: its queue is gone or its transport was closed");
}

chat::QueuePlace LogSettlement::Release() {
  const chat::QueuePlace place = *std::exchange(place_, std::nullopt);
  unlink();
  intake_->Settled();
  return place;
}

Task<Status> LogSettlement::Ack() {
  if (!Ours()) co_return NotOurs();
  intake_->queue().Settle(Release());
  co_return Status();
}

Task<Status> LogSettlement::Nack() {
  if (!Ours()) co_return NotOurs();
  intake_->queue().GiveBack(Release());
  co_return Status();
}

Task<Status> LogSettlement::Retry(Message message, std::chrono::milliseconds delay) {
  if (!Ours()) co_return NotOurs();
  if (Status checked = Check(message); !checked) co_return checked;
  intake_->queue().Retry(Release(), std::move(message), delay);
  co_return Status();
}

Task<Status> LogSettlement::Bury(Message message) {
  if (!Ours()) co_return NotOurs();
  intake_->queue().Bury(Release(), std::move(message));
  co_return Status();
}

void LogSettlement::TakeBack() {
  if (Ours()) {
    intake_->queue().GiveBackUnsettled(Release());
  } else {
    place_.reset();
    unlink();
  }
}

// Takes the intake from among those who wait, however the wait ends. A wake-up that came and was not used goes on to the next.
class LogIntake::Waiting {
 public:
  explicit Waiting(LogIntake& intake) : intake_(intake) { intake_.queue_->Await(intake_); }
  ~Waiting() {
    if (!intake_.queue_->StopAwaiting(intake_) && !used_) intake_.queue_->WakeSome();
  }
  void Use() { used_ = true; }

 private:
  LogIntake& intake_;
  bool used_ = false;
};

LogIntake::LogIntake(std::shared_ptr<LogConnection> connection, std::shared_ptr<LogQueue> queue, std::uint16_t prefetch)
    : connection_(std::move(connection)),
      queue_(std::move(queue)),
      prefetch_(prefetch),
      wake_(connection_->broker->executor()) {
  connection_->intakes.push_back(*this);
}

std::optional<Delivery> LogIntake::TryNext() {
  if (held_ >= prefetch_ || !stopped_.empty() || queue_->gone()) return std::nullopt;
  const LogItem* const item = queue_->Take();
  if (!item) return std::nullopt;
  ++held_;
  const Message& message = *item->message;
  const std::uint32_t deliveries = item->deliveries;
  auto settlement = std::make_unique<LogSettlement>(shared_from_this(), item->place);
  connection_->unsettled.push_back(*settlement);
  connection_->broker->Fill(*queue_);
  return std::optional<Delivery>(std::in_place, message, queue_->name(), deliveries, std::move(settlement));
}

Task<bool> LogIntake::Wait(std::optional<std::chrono::milliseconds> timeout) {
  LogBrokerState& broker = *connection_->broker;
  std::optional<Waiting> waiting;
  if (held_ < prefetch_) {
    waiting.emplace(*this);
    if (!queue_->filter().empty()) broker.WantMore();
    broker.Fill(*queue_);
  }
  if (timeout) {
    co_await wake_.WaitFor(broker.timers(), *timeout);
  } else {
    co_await wake_.Wait();
  }
  const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return false;
  if (waiting) waiting->Use();
  co_return true;
}

Task<bool> LogIntake::Read() {
  LogBrokerState& broker = *connection_->broker;
  const auto queue = queue_;
  if (broker.closed() || queue->gone() || !queue->Starved(broker.Head())) co_return false;
  broker.Fill(*queue);
  co_await queue->filled().Wait();
  const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
  co_return cancellation.cancelled() == boost::asio::cancellation_type::none;
}

void LogIntake::CountAsConsumer() {
  counted_ = true;
  queue_->AddConsumer();
}

void LogIntake::Stop(std::string why) {
  if (!stopped_.empty()) return;
  stopped_ = std::move(why);
  if (counted_) queue_->RemoveConsumer();
  Wake();
}

void LogIntake::Settled() {
  if (held_-- >= prefetch_) Wake();
}

LogConnection::LogConnection(std::shared_ptr<LogBrokerState> broker_, QueueStart start_)
    : broker(std::move(broker_)), start(start_) {
  broker->Add(*this);
}

LogConnection::~LogConnection() { Close(); }

void LogConnection::Close() {
  if (closed) return;
  closed = true;
  for (LogIntake& intake : intakes) intake.Stop("the transport is closed");
  while (!unsettled.empty()) unsettled.back().TakeBack();
  broker->DeleteExclusiveOf(this);
  broker->Remove(*this);
}

}  // namespace tidings::app
