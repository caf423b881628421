// LogItem: one message of a queue, as far as the queue has to remember it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <tidings/chat/queue_rows.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::app {

class LogItem {
 public:
  static constexpr Millis kNever = std::numeric_limits<Millis>::max();

  enum class State {
    kPending,  // published, and not on disk yet
    kReady,
    kHeld,     // handed out
    kDelayed,  // not due yet
  };

  explicit LogItem(chat::QueuePlace place_) : place(place_) {}

  chat::QueuePlace place;
  chat::Position source = 0;     // the event that it shows; 0: none
  State state = State::kReady;
  bool fresh = false;            // out of the log and never handed out: the cursor is below it, and it has no row
  bool stored = false;           // it has a row, if what was collected last is saved
  bool copied = false;           // the row keeps the whole message
  bool reheaded = false;         // the row keeps headers in place of the event's
  bool changed = false;          // what the row is to keep of the message is not collected yet
  std::size_t bytes = 0;         // of a message that is in memory alone, as it was accepted
  std::uint32_t deliveries = 0;  // those that were given back by Nack are not counted
  std::uint32_t unsettled = 0;   // deliveries in a row that nobody settled
  Millis accepted = 0;           // wall clock
  Millis due = 0;                // steady time, while delayed
  Millis expires = kNever;       // steady time
  std::optional<messaging::Message> message;  // not there: it is read again before it is handed out

  // Takes what it is now. REQUIRES: the message is there.
  void Change(messaging::Message&& now) {
    const bool same =
        message->id == now.id && message->type == now.type && message->key == now.key && message->body == now.body;
    if (!same) copied = changed = true;
    if (message->headers != now.headers) reheaded = changed = true;
    message = std::move(now);
  }
  // Whether it can be read again.
  bool Readable() const {
    if (changed) return false;
    return copied || reheaded ? stored : source != 0 || stored;
  }
};

}  // namespace tidings::app
