#include "log_queue.hpp"

#include <algorithm>
#include <cassert>

#include <tidings/app/queue_message.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/delivery.hpp>

#include "item_codec.hpp"
#include "log_broker_state.hpp"
#include "queue_options.hpp"

namespace tidings::app {

using messaging::DeathReason;
using messaging::LossCause;
using messaging::Message;

namespace {

// What a queue owes out of order at most; the log is not read on beyond.
constexpr std::size_t kMostOwed = 10'000;

}  // namespace

LogQueue::LogQueue(LogBrokerState& broker, chat::QueueKey key, std::string name, messaging::QueueOptions options,
                   const void* owner)
    : broker_(&broker),
      key_(key),
      name_(std::move(name)),
      options_(options),
      owner_(owner),
      filled_(broker.executor()) {}

LogQueue::~LogQueue() = default;

// Bindings.

void LogQueue::Select(std::string pattern, chat::Position after) {
  const bool first = filter_.empty();
  if (!filter_.Add({pattern, after})) return;
  // What is at hand comes behind nothing of the log that is not read yet.
  if (first) read_ = after;
  bindings_.push_back({key_, std::string(kEventsExchange), std::move(pattern), after});
  defined_ = false;
}

void LogQueue::Bind(std::string exchange, std::string pattern) {
  bindings_.push_back({key_, std::move(exchange), std::move(pattern), 0});
  defined_ = false;
}

void LogQueue::Restore(chat::Position cursor) {
  read_ = saved_cursor_ = cursor;
  defined_ = true;
}

void LogQueue::RestoreBinding(const chat::BindingRow& row) {
  if (row.exchange == kEventsExchange) filter_.Add({row.pattern, row.after});
  bindings_.push_back(row);
}

void LogQueue::RestoreEntry(const chat::EntryRow& row) {
  const Millis now = broker_->timers().Now();
  const Millis steady = broker_->timers().Steady();
  LogItem item(row.place);
  item.source = row.source;
  item.stored = item.reheaded = true;
  item.copied = row.whole;
  item.deliveries = row.deliveries;
  // Whoever held it died, perhaps of it.
  item.unsettled = row.unsettled + (row.held ? 1 : 0);
  item.accepted = row.accepted;
  if (row.expires != 0) item.expires = steady + std::max<Millis>(row.expires - now, 0);
  const Millis delay = row.due - now;
  Insert(std::move(item));
  LogItem& restored = items_.at(row.place);
  if (delay > 0) {
    Delay(restored, std::chrono::milliseconds(delay));
  } else {
    MakeReady(restored);
  }
  if (row.held) Note(restored);
}

// Items.

void LogQueue::Accept(LogItem item) {
  item.copied = item.changed = true;
  if (!transient()) {
    item.state = LogItem::State::kPending;
    ++pending_;
    const chat::QueuePlace place = item.place;
    Insert(std::move(item));
    return Note(items_.at(place));
  }
  Put(std::move(item));
}

void LogQueue::Put(LogItem item) {
  const chat::QueuePlace place = item.place;
  const Millis due = item.due;
  Insert(std::move(item));
  LogItem& put = items_.at(place);
  Note(put);
  const Millis now = broker_->timers().Steady();
  if (due > now) return Delay(put, std::chrono::milliseconds(due - now));
  MakeReady(put);
}

void LogQueue::Insert(LogItem item) {
  if (item.message) ++at_hand_;
  if (transient() && item.copied) item.bytes = item.message->body.size() + item.message->headers.Bytes();
  transient_bytes_ += item.bytes;
  const chat::QueuePlace place = item.place;
  items_.emplace(place, std::move(item));
}

const LogItem* LogQueue::Take() {
  const Millis now = broker_->timers().Steady();
  while (!ready_.empty()) {
    const chat::QueuePlace place = *ready_.begin();
    if (!filter_.empty() && place.position > read_) return nullptr;
    const auto found = items_.find(place);
    LogItem& item = found->second;
    if (!item.message) return nullptr;
    if (item.expires <= now) {
      Expire(found);
      continue;
    }
    Unqueue(item);
    item.fresh = false;
    item.state = LogItem::State::kHeld;
    ++held_;
    ++item.deliveries;
    Note(item);
    return &item;
  }
  return nullptr;
}

LogQueue::Items::iterator LogQueue::Held(chat::QueuePlace place) {
  const auto found = items_.find(place);
  assert(found != items_.end() && found->second.state == LogItem::State::kHeld);
  --held_;
  return found;
}

void LogQueue::Settle(chat::QueuePlace place) { Remove(Held(place)); }

void LogQueue::GiveBack(chat::QueuePlace place) {
  LogItem& item = Held(place)->second;
  --item.deliveries;
  MakeReady(item);
  Note(item);
}

void LogQueue::GiveBackUnsettled(chat::QueuePlace place) {
  const auto found = Held(place);
  LogItem& item = found->second;
  ++item.unsettled;
  MakeReady(item);
  Note(item);
  EndIfOver(found);
}

void LogQueue::Retry(chat::QueuePlace place, Message&& message, std::chrono::milliseconds delay) {
  LogItem& item = Held(place)->second;
  item.Change(std::move(message));
  item.unsettled = 0;
  if (delay.count() > 0) {
    Delay(item, delay);
  } else {
    MakeReady(item);
  }
  Note(item);
}

void LogQueue::Bury(chat::QueuePlace place, Message&& message) { Bury(Held(place), std::move(message)); }

void LogQueue::Bury(Items::iterator found, Message&& message) {
  LogItem& item = found->second;
  if (!options_.dead_letters) {
    broker_->Lose(LossCause::kNoDeadLetter, name_);
    return Remove(found);
  }
  item.Change(std::move(message));
  LogItem dead(broker_->NextPlace());
  dead.source = item.source;
  dead.copied = item.copied;
  dead.reheaded = dead.changed = true;
  dead.accepted = broker_->timers().Now();
  dead.message = std::move(item.message);
  item.message.reset();
  --at_hand_;
  Remove(found);
  broker_->DeadLettersOf(*this).Put(std::move(dead));
}

void LogQueue::Expire(Items::iterator found) {
  if (!options_.dead_letters) {
    broker_->Lose(LossCause::kExpired, name_);
    return Remove(found);
  }
  Message message = *found->second.message;
  messaging::MarkDead(message, DeathReason::kExpired, "its time to live ended", name_, broker_->timers().Now());
  Bury(found, std::move(message));
}

void LogQueue::GiveUp(Items::iterator found) {
  Message message = *found->second.message;
  messaging::MarkDead(message, DeathReason::kDeliveryLimit,
                      "handed out " + std::to_string(found->second.unsettled) + " times and never settled", name_,
                      broker_->timers().Now());
  Bury(found, std::move(message));
}

bool LogQueue::EndIfOver(Items::iterator found) {
  const LogItem& item = found->second;
  if (options_.delivery_limit > 0 && item.unsettled > options_.delivery_limit) return (GiveUp(found), true);
  if (item.state == LogItem::State::kReady && item.expires <= broker_->timers().Steady()) {
    return (Expire(found), true);
  }
  return false;
}

void LogQueue::MakeReady(LogItem& item) {
  item.state = LogItem::State::kReady;
  item.due = 0;
  ready_.insert(item.place);
  if (item.expires != LogItem::kNever) {
    expiring_.emplace(item.expires, item.place);
    ArmAlarm();
  }
  if (!waiters_.empty()) WakeSome();
}

void LogQueue::Delay(LogItem& item, std::chrono::milliseconds delay) {
  item.state = LogItem::State::kDelayed;
  item.due = broker_->timers().Steady() + delay.count();
  delayed_.emplace(item.due, item.place);
  ArmAlarm();
}

void LogQueue::Unqueue(LogItem& item) {
  switch (item.state) {
    case LogItem::State::kPending: --pending_; break;
    case LogItem::State::kReady:
      ready_.erase(item.place);
      expiring_.erase({item.expires, item.place});
      break;
    case LogItem::State::kDelayed: delayed_.erase({item.due, item.place}); break;
    case LogItem::State::kHeld: break;
  }
  if (item.fresh) fresh_.erase(item.place);
  urgent_.erase(item.place);
}

void LogQueue::Remove(Items::iterator found) {
  LogItem& item = found->second;
  Unqueue(item);
  if (item.message) --at_hand_;
  transient_bytes_ -= item.bytes;
  noted_.erase(item.place);
  if (item.stored) removed_.insert(item.place);
  items_.erase(found);
  if (!transient()) broker_->SaveSoon();
}

void LogQueue::Note(const LogItem& item) {
  if (transient() || item.fresh) return;
  noted_.insert(item.place);
  broker_->SaveSoon();
}

void LogQueue::Drop(LogItem& item) {
  if (!item.message || !item.Readable()) return;
  item.message.reset();
  --at_hand_;
}

// Reading.

bool LogQueue::Starved(chat::Position head) const {
  if (!urgent_.empty()) return true;
  const bool more = !filter_.empty() && read_ < head;
  if (!ready_.empty()) {
    const chat::QueuePlace front = *ready_.begin();
    if (filter_.empty() || front.position <= read_) return !items_.at(front).message.has_value();
  }
  // What is ready, if anything is, lies behind what is not read yet.
  return more && held_ + delayed_.size() < kMostOwed;
}

bool LogQueue::Low(chat::Position head) const {
  return consumers_ > 0 && !filter_.empty() && read_ < head && held_ + delayed_.size() < kMostOwed &&
         ready_.size() < broker_->options().window / 4;
}

std::vector<EntryPlace> LogQueue::Unread(std::size_t most) const {
  std::vector<EntryPlace> places;
  const auto add = [&](chat::QueuePlace place) {
    const LogItem& item = items_.at(place);
    if (!item.message) places.push_back({key_, place, item.source, item.stored});
  };
  for (auto place = urgent_.begin(); place != urgent_.end() && places.size() < most; ++place) add(*place);
  std::size_t looked_at = 0;
  for (auto place = ready_.begin(); place != ready_.end() && looked_at < most; ++place, ++looked_at) {
    if (!urgent_.contains(*place)) add(*place);
  }
  return places;
}

void LogQueue::TakeRead(const EntryPlace& read, std::optional<Message> message) {
  urgent_.erase(read.place);
  const auto found = items_.find(read.place);
  if (found == items_.end() || found->second.message) return;
  if (!message) {
    log::Err("queue_entry_unreadable", {{"queue", name_}, {"position", read.place.position}});
    broker_->Lose(LossCause::kNoDeadLetter, name_);
    return Remove(found);
  }
  found->second.message = std::move(message);
  ++at_hand_;
  EndIfOver(found);
}

void LogQueue::TakeStretch(LogStretch stretch) {
  // Purged meanwhile.
  if (stretch.from != read_) return;
  const Millis now = broker_->timers().Now();
  const Millis steady = broker_->timers().Steady();
  read_ = stretch.last;
  if (stretch.damaged != 0) {
    log::Err("queue_passed_over_damaged_events", {{"queue", name_}, {"events", stretch.damaged}, {"up_to", read_}});
  }
  for (LogMessage& event : stretch.messages) {
    const chat::QueuePlace place{event.position, 0};
    // It was handed out when the cursor was below it.
    if (items_.contains(place)) continue;
    LogItem item(place);
    item.source = event.position;
    item.fresh = true;
    item.accepted = event.at;
    if (options_.message_ttl) item.expires = steady + event.at + options_.message_ttl->count() - now;
    item.message = std::move(event.message);
    fresh_.insert(place);
    Insert(std::move(item));
    MakeReady(items_.at(place));
  }
  if (!transient()) broker_->SaveSoon();
}

// A waiter that was woken takes its message later: those who are woken may be more than the messages, never less.
void LogQueue::WakeSome() {
  for (std::uint64_t woken = 0; woken < ready_.size() && !waiters_.empty(); ++woken) {
    LogWaiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->Wake();
  }
}

// Time.

void LogQueue::ArmAlarm() {
  Millis next = LogItem::kNever;
  if (!delayed_.empty()) next = delayed_.begin()->first;
  if (!expiring_.empty()) next = std::min(next, expiring_.begin()->first);
  // One that rings too early finds nothing to do and arms the next.
  if (next >= alarm_at_) return;
  alarm_at_ = next;
  const Millis now = broker_->timers().Steady();
  alarm_ = broker_->timers().Set(std::chrono::milliseconds(std::max<Millis>(next - now, 0)), [this] { Ring(); });
}

void LogQueue::Ring() {
  alarm_at_ = LogItem::kNever;
  const Millis now = broker_->timers().Steady();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    LogItem& item = items_.at(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    MakeReady(item);
  }
  while (!expiring_.empty() && expiring_.begin()->first <= now) {
    const auto found = items_.find(expiring_.begin()->second);
    if (found->second.message) {
      Expire(found);
    } else {
      urgent_.insert(found->first);
      expiring_.erase(expiring_.begin());
    }
  }
  if (!urgent_.empty()) broker_->Fill(*this);
  ArmAlarm();
}

Millis LogQueue::WallOf(Millis steady) const {
  return broker_->timers().Now() + std::max<Millis>(steady - broker_->timers().Steady(), 1);
}

// The whole.

messaging::QueueStats LogQueue::Stats() const {
  messaging::QueueStats stats;
  stats.ready = ready_.size();
  stats.unsettled = held_;
  stats.delayed = delayed_.size();
  stats.consumers = consumers_;
  if (!ready_.empty()) {
    const Millis age = broker_->timers().Now() - items_.at(*ready_.begin()).accepted;
    stats.oldest = std::chrono::milliseconds(std::max<Millis>(age, 0));
  }
  return stats;
}

std::uint64_t LogQueue::Purge(chat::Position head) {
  std::uint64_t dropped = 0;
  for (auto item = items_.begin(); item != items_.end();) {
    const auto found = item++;
    const LogItem::State state = found->second.state;
    if (state != LogItem::State::kReady && state != LogItem::State::kDelayed) continue;
    Remove(found);
    ++dropped;
  }
  if (!filter_.empty()) read_ = std::max(read_, head);
  return dropped;
}

void LogQueue::End() {
  broker_ = nullptr;
  alarm_.Cancel();
  filled_.NotifyAll();
  while (!waiters_.empty()) {
    LogWaiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->Wake();
  }
}

// Saving.

chat::Position LogQueue::cursor() const { return fresh_.empty() ? read_ : fresh_.begin()->position - 1; }

void LogQueue::Collect(chat::QueueChanges& changes) {
  if (transient()) return;
  const chat::Position now_at = cursor();
  if (!defined_ || now_at != saved_cursor_) {
    if (!defined_) changes.bindings.insert(changes.bindings.end(), bindings_.begin(), bindings_.end());
    changes.queues.push_back({key_, name_, OptionsText(options_), now_at});
    defined_ = true;
    saved_cursor_ = now_at;
  }
  for (const chat::QueuePlace place : removed_) changes.removed_entries.emplace_back(key_, place);
  removed_.clear();
  for (const chat::QueuePlace place : noted_) {
    LogItem& item = items_.at(place);
    chat::EntryRow row;
    row.queue = key_;
    row.place = place;
    row.source = item.source;
    row.held = item.state == LogItem::State::kHeld;
    row.deliveries = item.deliveries;
    row.unsettled = item.unsettled;
    row.accepted = item.accepted;
    if (item.due != 0) row.due = WallOf(item.due);
    if (item.expires != LogItem::kNever) row.expires = WallOf(item.expires);
    if (item.changed && item.copied) row.message = EncodeMessage(*item.message);
    if (item.changed && !item.copied && item.reheaded) row.headers = EncodeHeaders(item.message->headers);
    item.changed = false;
    item.stored = true;
    changes.entries.push_back(std::move(row));
  }
  noted_.clear();
}

void LogQueue::Saved(chat::QueuePlace place) {
  const auto found = items_.find(place);
  if (found == items_.end()) return;
  LogItem& item = found->second;
  if (item.state == LogItem::State::kPending) {
    --pending_;
    const Millis now = broker_->timers().Steady();
    if (item.due > now) {
      Delay(item, std::chrono::milliseconds(item.due - now));
    } else {
      MakeReady(item);
    }
  }
  // It is read again when its turn comes.
  if (item.state != LogItem::State::kHeld && at_hand_ > broker_->options().window) Drop(item);
}

void LogQueue::NotSaved(chat::QueuePlace place) {
  const auto found = items_.find(place);
  if (found == items_.end()) return;
  LogItem& item = found->second;
  // Its publisher is told so.
  if (item.state == LogItem::State::kPending) return Remove(found);
  if (item.message && (item.copied || item.reheaded)) item.changed = true;
  noted_.insert(place);
}

}  // namespace tidings::app
