// MemoryQueue: one queue of the in-memory broker: what is ready in order of acceptance, what is delayed, what may expire.
//
// It waits for nothing and knows no coroutine: whoever waits for a message registers as a MemoryWaiter and is woken.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <tidings/messaging/message.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/topology.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class MemoryState;

class StoredMessage {
 public:
  static constexpr Millis kNever = std::numeric_limits<Millis>::max();

  explicit StoredMessage(Message&& message_) : message(std::move(message_)) {}
  Message message;
  std::uint64_t place = 0;       // in the queue; kept while it is handed out
  std::uint32_t deliveries = 0;  // those that were given back by Nack are not counted
  std::uint32_t unsettled = 0;   // deliveries in a row that nobody settled
  Millis accepted = 0;           // steady time
  Millis expires = kNever;       // steady time
};

using StoredPtr = std::unique_ptr<StoredMessage>;

// Somebody who waits for a message of a queue.
class MemoryWaiter {
 public:
  virtual ~MemoryWaiter() = default;
  virtual void Wake() = 0;
};

class MemoryQueue {
 public:
  // `owner` is the connection that an exclusive queue belongs to.
  MemoryQueue(MemoryState& state, std::string name, QueueOptions options, const void* owner);
  ~MemoryQueue();
  MemoryQueue(const MemoryQueue&) = delete;
  MemoryQueue& operator=(const MemoryQueue&) = delete;

  const std::string& name() const { return name_; }
  const QueueOptions& options() const { return options_; }
  const void* owner() const { return owner_; }
  // It was deleted, or the broker ended.
  bool gone() const { return state_ == nullptr; }
  bool full() const { return options_.max_length && ready_count_ + delayed_.size() >= *options_.max_length; }
  bool ready() const { return ready_count_ > 0; }

  void Accept(Message&& message, std::chrono::milliseconds delay, std::optional<std::chrono::milliseconds> ttl);
  // The first one that is ready; null if none is. A `consumer` of a single-active queue gets none while another taker holds some.
  StoredPtr Take(const MemoryWaiter& taker, bool consumer);

  // For what Take gave, one of them.
  void Settle();
  void GiveBack(StoredPtr stored);           // uncounted
  void GiveBackUnsettled(StoredPtr stored);  // counted against the delivery limit
  void Retry(StoredPtr stored, Message&& message, std::chrono::milliseconds delay);
  void Bury(Message&& message);

  // Wakes `waiter` once when there is something to take. Its place among those who wait is that of its call.
  void Await(MemoryWaiter& waiter) { waiters_.push_back(&waiter); }
  // True if it waited still.
  bool StopAwaiting(MemoryWaiter& waiter);
  // As many as there are messages ready; all if only one of them may take any.
  void WakeSome();

  void AddConsumer() { ++consumers_; }
  void RemoveConsumer() { --consumers_; }
  std::uint64_t consumers() const { return consumers_; }
  QueueStats Stats() const;
  std::uint64_t size() const { return ready_count_ + delayed_.size() + unsettled_count_; }
  std::uint64_t Purge();
  // Drops everything and wakes all who wait; what is handed out stays with its holders, who can settle it no more.
  void End();

 private:
  class Slot {
   public:
    std::uint64_t place;
    StoredPtr stored;  // null: it expired
  };

  void PutReady(StoredPtr stored);
  void PutDelayed(StoredPtr stored, std::chrono::milliseconds delay);
  void DropEmptyHead();
  void Expire(StoredPtr stored);
  void ArmAlarm();
  void Ring();

  MemoryState* state_;
  std::string name_;
  QueueOptions options_;
  const void* owner_;
  std::deque<Slot> ready_;  // by place; the first one is not empty
  std::uint64_t ready_count_ = 0;
  std::uint64_t unsettled_count_ = 0;
  const MemoryWaiter* holder_ = nullptr;                 // took the first of what is unsettled
  std::uint64_t last_place_ = 0;
  std::multimap<Millis, StoredPtr> delayed_;             // when due
  std::set<std::pair<Millis, std::uint64_t>> expiring_;  // (when, place) of what is ready
  std::deque<MemoryWaiter*> waiters_;
  std::uint64_t consumers_ = 0;
  Millis alarm_at_ = StoredMessage::kNever;
  Alarm alarm_;
};

}  // namespace tidings::messaging
