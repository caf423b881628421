#include "memory_queue.hpp"

#include <algorithm>

#include "memory_state.hpp"

namespace tidings::messaging {

MemoryQueue::MemoryQueue(MemoryState& state, std::string name, QueueOptions options, const void* owner)
    : state_(&state), name_(std::move(name)), options_(options), owner_(owner) {}

MemoryQueue::~MemoryQueue() = default;

void MemoryQueue::Accept(Message&& message, std::chrono::milliseconds delay,
                         std::optional<std::chrono::milliseconds> ttl) {
  auto stored = std::make_unique<StoredMessage>(std::move(message));
  stored->accepted = state_->timers().Steady();
  if (options_.message_ttl && (!ttl || *options_.message_ttl < *ttl)) ttl = options_.message_ttl;
  if (ttl) stored->expires = stored->accepted + ttl->count();
  stored->place = ++last_place_;
  if (delay.count() > 0) return PutDelayed(std::move(stored), delay);
  PutReady(std::move(stored));
}

StoredPtr MemoryQueue::Take(const MemoryWaiter& taker, bool consumer) {
  if (ready_count_ == 0) return nullptr;
  if (options_.single_active && consumer && unsettled_count_ > 0 && holder_ != &taker) return nullptr;
  StoredPtr stored = std::move(ready_.front().stored);
  ready_.pop_front();
  --ready_count_;
  DropEmptyHead();
  if (stored->expires != StoredMessage::kNever) {
    expiring_.erase({stored->expires, stored->place});
    if (stored->expires <= state_->timers().Steady()) {
      Expire(std::move(stored));
      return Take(taker, consumer);
    }
  }
  if (unsettled_count_ == 0) holder_ = &taker;
  ++unsettled_count_;
  ++stored->deliveries;
  return stored;
}

void MemoryQueue::Settle() {
  --unsettled_count_;
  // Another one's turn, perhaps.
  if (options_.single_active && unsettled_count_ == 0) WakeSome();
}

void MemoryQueue::GiveBack(StoredPtr stored) {
  Settle();
  --stored->deliveries;
  PutReady(std::move(stored));
}

void MemoryQueue::GiveBackUnsettled(StoredPtr stored) {
  Settle();
  if (++stored->unsettled > options_.delivery_limit && options_.delivery_limit > 0) {
    MarkDead(stored->message, DeathReason::kDeliveryLimit,
             "handed out " + std::to_string(stored->unsettled) + " times and never settled", name_,
             state_->timers().Now());
    return Bury(std::move(stored->message));
  }
  PutReady(std::move(stored));
}

void MemoryQueue::Retry(StoredPtr stored, Message&& message, std::chrono::milliseconds delay) {
  Settle();
  stored->message = std::move(message);
  stored->unsettled = 0;
  if (delay.count() > 0) return PutDelayed(std::move(stored), delay);
  PutReady(std::move(stored));
}

void MemoryQueue::Bury(Message&& message) {
  if (!options_.dead_letters) return state_->Lose(LossCause::kNoDeadLetter, name_);
  state_->DeadLettersOf(*this).Accept(std::move(message), std::chrono::milliseconds(0), std::nullopt);
}

// What comes new has the highest place; what comes back has one of the lowest.
void MemoryQueue::PutReady(StoredPtr stored) {
  if (stored->expires != StoredMessage::kNever) {
    if (stored->expires <= state_->timers().Steady()) return Expire(std::move(stored));
    expiring_.emplace(stored->expires, stored->place);
    ArmAlarm();
  }
  const std::uint64_t place = stored->place;
  if (ready_.empty() || ready_.back().place < place) {
    ready_.push_back(Slot{place, std::move(stored)});
  } else {
    ready_.insert(std::ranges::lower_bound(ready_, place, {}, &Slot::place), Slot{place, std::move(stored)});
  }
  ++ready_count_;
  if (!waiters_.empty()) WakeSome();
}

void MemoryQueue::PutDelayed(StoredPtr stored, std::chrono::milliseconds delay) {
  delayed_.emplace(state_->timers().Steady() + delay.count(), std::move(stored));
  ArmAlarm();
}

void MemoryQueue::DropEmptyHead() {
  while (!ready_.empty() && !ready_.front().stored) ready_.pop_front();
}

void MemoryQueue::Expire(StoredPtr stored) {
  if (!options_.dead_letters) return state_->Lose(LossCause::kExpired, name_);
  MarkDead(stored->message, DeathReason::kExpired, "its time to live ended", name_, state_->timers().Now());
  Bury(std::move(stored->message));
}

bool MemoryQueue::StopAwaiting(MemoryWaiter& waiter) { return std::erase(waiters_, &waiter) > 0; }

// A waiter that was woken takes its message later: those who are woken may be more than the messages, never less.
void MemoryQueue::WakeSome() {
  const std::uint64_t most = options_.single_active && ready_count_ > 0 ? waiters_.size() : ready_count_;
  for (std::uint64_t woken = 0; woken < most && !waiters_.empty(); ++woken) {
    MemoryWaiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->Wake();
  }
}

void MemoryQueue::ArmAlarm() {
  Millis next = StoredMessage::kNever;
  if (!delayed_.empty()) next = delayed_.begin()->first;
  if (!expiring_.empty()) next = std::min(next, expiring_.begin()->first);
  // One that rings too early finds nothing to do and arms the next.
  if (next >= alarm_at_) return;
  alarm_at_ = next;
  const Millis now = state_->timers().Steady();
  alarm_ = state_->timers().Set(std::chrono::milliseconds(std::max<Millis>(next - now, 0)), [this] { Ring(); });
}

void MemoryQueue::Ring() {
  alarm_at_ = StoredMessage::kNever;
  const Millis now = state_->timers().Steady();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    StoredPtr stored = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    PutReady(std::move(stored));
  }
  while (!expiring_.empty() && expiring_.begin()->first <= now) {
    const std::uint64_t place = expiring_.begin()->second;
    expiring_.erase(expiring_.begin());
    StoredPtr stored = std::move(std::ranges::lower_bound(ready_, place, {}, &Slot::place)->stored);
    --ready_count_;
    DropEmptyHead();
    Expire(std::move(stored));
  }
  ArmAlarm();
}

QueueStats MemoryQueue::Stats() const {
  QueueStats stats;
  stats.ready = ready_count_;
  stats.unsettled = unsettled_count_;
  stats.delayed = delayed_.size();
  stats.consumers = consumers_;
  if (ready_count_ > 0) {
    stats.oldest = std::chrono::milliseconds(state_->timers().Steady() - ready_.front().stored->accepted);
  }
  return stats;
}

std::uint64_t MemoryQueue::Purge() {
  const std::uint64_t dropped = ready_count_ + delayed_.size();
  ready_.clear();
  ready_count_ = 0;
  delayed_.clear();
  expiring_.clear();
  state_->Lose(LossCause::kPurged, name_, dropped);
  return dropped;
}

void MemoryQueue::End() {
  // What is handed out can be settled no more.
  state_->Lose(LossCause::kPurged, name_, unsettled_count_);
  Purge();
  state_ = nullptr;
  alarm_.Cancel();
  while (!waiters_.empty()) {
    MemoryWaiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->Wake();
  }
}

}  // namespace tidings::messaging
