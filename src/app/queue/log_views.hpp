// LogViews: the log as a queue sees it: what its bindings select, as messages. Reads on the reading threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/chat/reader.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::app {

// Patterns over the log's types. An event goes to the queue if one of them selects it.
class LogFilter {
 public:
  class Pattern {
   public:
    std::string pattern;
    chat::Position after = 0;  // events above this
    friend bool operator==(const Pattern&, const Pattern&) = default;
  };
  // False if it is there.
  bool Add(Pattern pattern);
  bool empty() const { return patterns_.empty(); }
  bool Selects(std::string_view type, chat::Position position) const;
  const std::vector<Pattern>& patterns() const { return patterns_; }

 private:
  std::vector<Pattern> patterns_;
};

class LogMessage {
 public:
  LogMessage(chat::Position position_, Millis at_, messaging::Message message_)
      : position(position_), at(at_), message(std::move(message_)) {}
  chat::Position position;
  Millis at;
  messaging::Message message;
};

class LogStretch {
 public:
  LogStretch() = default;
  std::vector<LogMessage> messages;  // that the filter selects
  chat::Position from = 0;           // it begins above this
  chat::Position last = 0;           // the stretch's end; 0: there is nothing
  std::uint64_t damaged = 0;         // events that cannot be shown
};

// Which entry a message is to be read again for.
class EntryPlace {
 public:
  chat::QueueKey queue = 0;
  chat::QueuePlace place;
  chat::Position source = 0;
  bool stored = false;  // it has a row
};

// Belongs to the executor.
class LogViews {
 public:
  // REQUIRES: `reads` outlives every call.
  LogViews(messaging::Executor executor, chat::ReadPool& reads, std::string source)
      : executor_(std::move(executor)), reads_(reads), source_(std::move(source)) {}

  messaging::Task<Result<chat::QueueRows>> Rows();
  // At most `limit` events above the position.
  messaging::Task<Result<LogStretch>> After(LogFilter filter, chat::Position position, std::size_t limit);
  // Each as it was, with what its row says of it; nothing where it cannot be shown any more.
  messaging::Task<Result<std::vector<std::optional<messaging::Message>>>> Again(std::vector<EntryPlace> places);
  // How many of the events between the two positions the filter selects.
  messaging::Task<Result<std::uint64_t>> Count(LogFilter filter, chat::Position after, chat::Position upto);

 private:
  messaging::Executor executor_;
  chat::ReadPool& reads_;
  std::string source_;
};

}  // namespace tidings::app
