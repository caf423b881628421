// What is kept of the embedded queues: their names, bindings and cursors over the log, and what lies out of order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/chat/types.hpp>

namespace tidings::chat {

using QueueKey = std::uint64_t;

struct ExchangeRow {
  std::string name;
  std::uint32_t kind = 0;
};

struct QueueRow {
  QueueKey key = 0;
  std::string name;
  std::string options;  // the queue's own business
  Position cursor = 0;  // of the log up to here, nothing is owed but what has an entry
};

struct BindingRow {
  QueueKey queue = 0;
  std::string exchange;
  std::string pattern;
  Position after = 0;  // events above this
};

// A place in a queue: that of an event of the log (number 0), or behind such a place.
struct QueuePlace {
  Position position = 0;
  std::uint64_t number = 0;
  friend auto operator<=>(const QueuePlace&, const QueuePlace&) = default;
};

// A message that is owed though the cursor is past it, or that did not come out of the log.
struct EntryRow {
  QueueKey queue = 0;
  QueuePlace place;
  Position source = 0;                 // the event that it shows; 0 if none
  bool held = false;                   // handed out, and not settled
  std::uint32_t deliveries = 0;
  std::uint32_t unsettled = 0;         // deliveries in a row that nobody settled
  Millis accepted = 0;                 // wall clock, as the next two
  Millis due = 0;                      // not handed out before; 0: at once
  Millis expires = 0;                  // 0: never
  bool whole = false;                  // the row has a message
  std::optional<std::string> headers;  // in place of those of the event
  std::optional<std::string> message;  // the whole of it, in place of the event
};

// What changed since the last time. Rows replace those of their key; what is removed goes first.
struct QueueChanges {
  std::vector<QueueKey> removed_queues;  // with all that is theirs
  std::vector<std::pair<QueueKey, QueuePlace>> removed_entries;
  std::vector<ExchangeRow> exchanges;
  std::vector<QueueRow> queues;
  std::vector<BindingRow> bindings;
  std::vector<EntryRow> entries;

  bool empty() const {
    return removed_queues.empty() && removed_entries.empty() && exchanges.empty() && queues.empty() &&
           bindings.empty() && entries.empty();
  }
};

struct QueueRows {
  std::vector<ExchangeRow> exchanges;
  std::vector<QueueRow> queues;
  std::vector<BindingRow> bindings;
  std::vector<EntryRow> entries;  // without headers and message
};

// Events of a stretch of the log, by type.
struct TypeCounts {
  std::vector<std::pair<std::string, std::uint64_t>> types;
  Position last = 0;  // the stretch's end; 0 if it is empty
};

}  // namespace tidings::chat
