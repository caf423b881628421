#include "memory_connection.hpp"

#include <boost/asio/this_coro.hpp>

namespace tidings::messaging {

MemorySettlement::~MemorySettlement() {
  if (Ours()) reader_->queue().GiveBackUnsettled(Release());
}

bool MemorySettlement::Ours() const { return stored_ && !reader_->queue().gone(); }

Status MemorySettlement::NotOurs() const {
  return Fail(ErrorCode::kConflict, "the delivery from queue " + reader_->queue().name() +
                                        " is not ours any more: its queue is gone or its transport was closed");
}

StoredPtr MemorySettlement::Release() {
  unlink();
  reader_->Settled();
  return std::move(stored_);
}

Task<Status> MemorySettlement::Ack() {
  if (!Ours()) co_return NotOurs();
  const StoredPtr done = Release();
  reader_->queue().Settle();
  co_return Status();
}

Task<Status> MemorySettlement::Nack() {
  if (!Ours()) co_return NotOurs();
  reader_->queue().GiveBack(Release());
  co_return Status();
}

Task<Status> MemorySettlement::Retry(Message message, std::chrono::milliseconds delay) {
  if (!Ours()) co_return NotOurs();
  if (Status checked = Check(message); !checked) co_return checked;
  reader_->queue().Retry(Release(), std::move(message), delay);
  co_return Status();
}

Task<Status> MemorySettlement::Bury(Message message) {
  if (!Ours()) co_return NotOurs();
  const StoredPtr done = Release();
  reader_->queue().Settle();
  reader_->queue().Bury(std::move(message));
  co_return Status();
}

void MemorySettlement::TakeBack() {
  if (Ours()) {
    reader_->queue().GiveBackUnsettled(Release());
  } else {
    unlink();
  }
}

void MemoryConnection::Close() {
  if (closed) return;
  closed = true;
  for (MemoryReader& reader : readers) reader.Stop("the transport is closed");
  while (!unsettled.empty()) unsettled.back().TakeBack();
  while (!subscriptions.empty()) {
    MemorySubscription& subscription = subscriptions.front();
    subscription.unlink();
    subscription.End("the transport is closed");
  }
  for (const auto& [name, stream] : state->streams()) stream->appended.NotifyAll();
  state->DeleteExclusiveOf(this);
}

// Takes the reader from among those who wait, however the wait ends. A wake-up that came and was not used goes on to the next.
class MemoryReader::Waiting {
 public:
  explicit Waiting(MemoryReader& reader) : reader_(reader) { reader_.queue_->Await(reader_); }
  ~Waiting() {
    if (!reader_.queue_->StopAwaiting(reader_) && !used_) reader_.queue_->WakeSome();
  }
  void Use() { used_ = true; }

 private:
  MemoryReader& reader_;
  bool used_ = false;
};

MemoryReader::MemoryReader(std::shared_ptr<MemoryConnection> connection, std::shared_ptr<MemoryQueue> queue,
                           std::uint16_t prefetch)
    : connection_(std::move(connection)), queue_(std::move(queue)), prefetch_(prefetch) {
  connection_->readers.push_back(*this);
}

std::optional<Delivery> MemoryReader::TryNext() {
  if (held_ >= prefetch_ || !stopped_.empty()) return std::nullopt;
  StoredPtr stored = queue_->Take(*this, counted_);
  if (!stored) return std::nullopt;
  ++held_;
  const std::uint32_t deliveries = stored->deliveries;
  const Message& message = stored->message;
  auto settlement = std::make_unique<MemorySettlement>(shared_from_this(), std::move(stored));
  connection_->unsettled.push_back(*settlement);
  return std::optional<Delivery>(std::in_place, message, queue_->name(), deliveries, std::move(settlement));
}

Task<MemoryReader::Woken> MemoryReader::Wait(std::optional<std::chrono::milliseconds> timeout) {
  if (!wake_) wake_.emplace(connection_->executor);
  std::optional<Waiting> waiting;
  if (held_ < prefetch_) waiting.emplace(*this);
  bool notified = true;
  if (timeout) {
    notified = co_await wake_->WaitFor(connection_->state->timers(), *timeout);
  } else {
    co_await wake_->Wait();
  }
  const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return Woken::kByCancellation;
  if (waiting) waiting->Use();
  co_return notified ? Woken::kToLookAgain : Woken::kByTime;
}

void MemoryReader::CountAsConsumer() {
  counted_ = true;
  queue_->AddConsumer();
}

void MemoryReader::Stop(std::string why) {
  if (!stopped_.empty()) return;
  stopped_ = std::move(why);
  if (counted_) queue_->RemoveConsumer();
  Wake();
}

void MemoryReader::Wake() {
  if (wake_) wake_->NotifyOne();
}

void MemoryReader::Settled() {
  if (held_-- >= prefetch_) Wake();
}

}  // namespace tidings::messaging
