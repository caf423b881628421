// LogPages: the log of all rooms as pages of what is to be published.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <tidings/chat/reader.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

// A run of events, in the order of commits.
class LogPage {
 public:
  LogPage() = default;
  std::vector<messaging::Outgoing> messages;
  std::vector<chat::Position> positions;  // of the messages' events
  chat::Position last = 0;                // of its last event; 0 if there is none
  Millis oldest_at = 0;                   // when its first event happened
  std::vector<chat::Position> damaged;    // of the events that cannot be shown
};

// Belongs to the executor; reads on the pool's threads.
class LogPages {
 public:
  // REQUIRES: `reads` outlives every call.
  LogPages(messaging::Executor executor, chat::ReadPool& reads, std::string source)
      : executor_(std::move(executor)), reads_(reads), source_(std::move(source)) {}

  // What comes after the position, at most kMostEvents of it. kUnavailable: too much is being read, or the store closes.
  messaging::Task<Result<LogPage>> After(chat::Position position);
  // Where this reader of the log was last kept; see Engine::KeepCheckpoint.
  messaging::Task<Result<chat::Position>> Checkpoint(std::string reader);

  static constexpr std::size_t kMostEvents = 256;

 private:
  messaging::Executor executor_;
  chat::ReadPool& reads_;
  std::string source_;
};

}  // namespace tidings::app
