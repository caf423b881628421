// LogQueue: one queue: a cursor over the log, and what lies out of order.
//
// Everything up to the cursor is settled but for what `items_` holds; what comes after it is read when somebody wants it. Like a
// queue in memory it waits for nothing and knows no coroutine: whoever waits for a message is woken, and what is to be read or
// saved the broker asks for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/topology.hpp>
#include <tidings/messaging/transport.hpp>

#include "log_item.hpp"
#include "log_views.hpp"

namespace tidings::app {

class LogBrokerState;

// Somebody who waits for a message of a queue.
class LogWaiter {
 public:
  virtual ~LogWaiter() = default;
  virtual void Wake() = 0;
};

// What may be published to a queue that is in memory alone.
inline constexpr std::size_t kMostTransientBytes = 64 * 1024 * 1024;

class LogQueue {
 public:
  // `owner` is the connection that an exclusive queue belongs to.
  LogQueue(LogBrokerState& broker, chat::QueueKey key, std::string name, messaging::QueueOptions options,
           const void* owner);
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  chat::QueueKey key() const { return key_; }
  const std::string& name() const { return name_; }
  const messaging::QueueOptions& options() const { return options_; }
  const void* owner() const { return owner_; }
  bool transient() const { return !options_.durable || options_.exclusive; }
  // It was deleted, or the broker ended.
  bool gone() const { return broker_ == nullptr; }

  // The log.
  const LogFilter& filter() const { return filter_; }
  // Selects events above `after`. The first pattern says where the queue begins.
  void Select(std::string pattern, chat::Position after);
  // A binding to another exchange, to be saved with the rest.
  void Bind(std::string exchange, std::string pattern);
  // What was saved of it; before anything else.
  void Restore(chat::Position cursor);
  void RestoreBinding(const chat::BindingRow& row);
  void RestoreEntry(const chat::EntryRow& row);
  chat::Position read() const { return read_; }
  // Everything up to here is settled, but for what is kept.
  chat::Position cursor() const;

  // What was published: pending until it is saved (a transient queue's at once ready).
  void Accept(LogItem item);
  // A dead letter, or what else is ready at once.
  void Put(LogItem item);

  // The first one that is ready and at hand, to be settled by its place; null if there is none.
  const LogItem* Take();
  void Settle(chat::QueuePlace place);
  void GiveBack(chat::QueuePlace place);           // uncounted
  void GiveBackUnsettled(chat::QueuePlace place);  // counted against the delivery limit
  void Retry(chat::QueuePlace place, messaging::Message&& message, std::chrono::milliseconds delay);
  void Bury(chat::QueuePlace place, messaging::Message&& message);

  // Reading. Whether nobody can be handed anything until more is read; whether more should be read ahead.
  bool Starved(chat::Position head) const;
  bool Low(chat::Position head) const;
  std::vector<EntryPlace> Unread(std::size_t most) const;
  void TakeRead(const EntryPlace& place, std::optional<messaging::Message> message);
  void TakeStretch(LogStretch stretch);
  bool filling = false;
  messaging::Signal& filled() { return filled_; }

  // Wakes `waiter` once when there is something to take. Its place among those who wait is that of its call.
  void Await(LogWaiter& waiter) { waiters_.push_back(&waiter); }
  // True if it waited still.
  bool StopAwaiting(LogWaiter& waiter) { return std::erase(waiters_, &waiter) > 0; }
  bool awaited() const { return !waiters_.empty(); }
  // As many as there are messages ready.
  void WakeSome();

  void AddConsumer() { ++consumers_; }
  void RemoveConsumer() { --consumers_; }
  std::uint64_t consumers() const { return consumers_; }
  // Whether so many more may be published to it.
  bool HasRoomFor(std::uint64_t more) const {
    if (transient_bytes_ > kMostTransientBytes) return false;
    return !options_.max_length || ready_.size() + delayed_.size() + pending_ + more <= *options_.max_length;
  }
  // What it may hold, in words.
  std::string Bound() const {
    return options_.max_length && transient_bytes_ <= kMostTransientBytes
               ? "it may hold " + std::to_string(*options_.max_length) + " messages"
               : "a queue that is not durable may hold " + std::to_string(kMostTransientBytes >> 20) + " MiB";
  }
  std::uint64_t size() const { return items_.size(); }
  // Of what is here; what waits in the log is not counted.
  messaging::QueueStats Stats() const;
  // Drops what is ready or delayed, and moves on to `head`; returns how many were here.
  std::uint64_t Purge(chat::Position head);
  // Drops everything and wakes all who wait; what is handed out stays with its holders, who can settle it no more.
  void End();

  // Saving. What is not saved yet goes into `changes`; what became of it is told for each row.
  void Collect(chat::QueueChanges& changes);
  void Saved(chat::QueuePlace place);
  void NotSaved(chat::QueuePlace place);
  void NotRemoved(chat::QueuePlace place) { removed_.insert(place); }
  void NotDefined() { defined_ = false; }

 private:
  using Items = std::map<chat::QueuePlace, LogItem>;

  Items::iterator Held(chat::QueuePlace place);
  void Insert(LogItem item);
  void MakeReady(LogItem& item);
  void Delay(LogItem& item, std::chrono::milliseconds delay);
  void Unqueue(LogItem& item);
  void Remove(Items::iterator item);
  void Note(const LogItem& item);
  void Drop(LogItem& item);
  // Ends an item that is not held and whose message is there.
  void Expire(Items::iterator item);
  void GiveUp(Items::iterator item);
  void Bury(Items::iterator item, messaging::Message&& message);
  // True if it is gone.
  bool EndIfOver(Items::iterator item);
  Millis WallOf(Millis steady) const;
  void ArmAlarm();
  void Ring();

  LogBrokerState* broker_;
  const chat::QueueKey key_;
  const std::string name_;
  const messaging::QueueOptions options_;
  const void* const owner_;
  LogFilter filter_;
  std::vector<chat::BindingRow> bindings_;
  chat::Position read_ = 0;  // the log up to here is in items_, or was settled

  Items items_;
  std::set<chat::QueuePlace> ready_;
  std::set<std::pair<Millis, chat::QueuePlace>> delayed_;   // when due
  std::set<std::pair<Millis, chat::QueuePlace>> expiring_;  // of what is ready
  std::set<chat::QueuePlace> urgent_;                       // to be read even if nobody wants them
  std::set<chat::QueuePlace> fresh_;
  std::uint64_t held_ = 0;
  std::uint64_t pending_ = 0;
  std::uint64_t at_hand_ = 0;           // items with their message
  std::size_t transient_bytes_ = 0;     // of what was published to a queue that has no rows

  std::set<chat::QueuePlace> noted_;    // rows to be written
  std::set<chat::QueuePlace> removed_;  // rows to be removed
  bool defined_ = false;                // the queue's own row and bindings are collected
  chat::Position saved_cursor_ = 0;

  messaging::Signal filled_;
  std::deque<LogWaiter*> waiters_;
  std::uint64_t consumers_ = 0;
  Millis alarm_at_ = LogItem::kNever;
  messaging::Alarm alarm_;
};

}  // namespace tidings::app
