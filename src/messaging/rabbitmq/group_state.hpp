// GroupState: what a consumer group has handed out and what of it is pending. RabbitMQ has no groups for streams; here a group
// is a log of the steps of its consumers, itself a stream, and whoever works in the group derives the same state from it. A
// step counts with its place in the log and at no other time, so that two consumers cannot be handed the same entry. Without I/O.
//
//   "create 7"               the group begins after id 7; the first one counts
//   "take 10 1700… 7 8-12,14"  the first 10 of these ids that nobody took yet, at that time (ms); they are what came after 7
//   "ack 8-9"                they are done
//   "claim 5000 10 1700…"    the lowest 10 that were handed out at least 5,000 ms before
//   "restart 12"             the stream was deleted and made anew: the group, if it still stands at 12, begins with its first entry
//   "state 41 …"             all that the steps up to offset 41 of the log came to: whoever begins later begins with it
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/clock.hpp>

namespace tidings::messaging::rabbitmq {

// Numbers in ascending order as "5-9,11".
std::string RangesText(const std::vector<std::uint64_t>& numbers);
// Nothing if it is no such text, or of more than a million numbers.
std::optional<std::vector<std::uint64_t>> ParseRanges(std::string_view text);

class GroupStep {
 public:
  enum class Kind { kCreate, kTake, kAck, kClaim, kRestart };

  static GroupStep Create(std::uint64_t after);
  // `ids` ascend and are all that there were after `after`; nothing is taken where the group stands before that, so after it
  // was lost and made again.
  static GroupStep Take(std::size_t limit, Millis at, std::vector<std::uint64_t> ids, std::uint64_t after = 0);
  static GroupStep Ack(std::vector<std::uint64_t> ids);
  static GroupStep Claim(std::uint64_t idle, std::size_t limit, Millis at);
  static GroupStep Restart(std::uint64_t after);
  static std::optional<GroupStep> Parse(std::string_view text);
  std::string Text() const;

  Kind kind = Kind::kCreate;
  std::uint64_t after = 0;
  std::uint64_t limit = 0;
  std::uint64_t idle = 0;
  std::uint64_t at = 0;
  std::vector<std::uint64_t> ids;
};

// What a step led to.
class GroupOutcome {
 public:
  bool group = true;                                            // there is one
  bool full = false;                                            // so much is pending that no more is handed out
  std::vector<std::pair<std::uint64_t, std::uint32_t>> handed;  // ids, and how often by now
  std::uint64_t acknowledged = 0;                               // or dropped, with a restart
};

class GroupState {
 public:
  static constexpr std::size_t kMostPending = 50'000;
  // Processes of which it is remembered how far they came, so that a step that was sent twice counts once.
  static constexpr std::size_t kMostWriters = 64;

  class Pending {
   public:
    std::uint64_t since = 0;
    std::uint32_t deliveries = 0;
    friend bool operator==(const Pending&, const Pending&) = default;
  };

  // A step of `writer`, who numbers its steps and sends them in that order.
  GroupOutcome Apply(std::string_view writer, std::uint64_t number, const GroupStep& step);
  bool created() const { return created_; }
  std::uint64_t last() const { return last_; }
  const std::map<std::uint64_t, Pending>& pending() const { return pending_; }

  std::string Text() const;
  static std::optional<GroupState> Parse(std::string_view text);
  friend bool operator==(const GroupState&, const GroupState&) = default;

 private:
  bool IsRepeat(std::string_view writer, std::uint64_t number);

  bool created_ = false;
  std::uint64_t last_ = 0;                                      // the newest id that was handed out
  std::map<std::uint64_t, Pending> pending_;
  std::vector<std::pair<std::string, std::uint64_t>> writers_;  // the one that was heard of last comes last
};

// A state that follows the log from wherever the log begins for it.
class GroupReplica {
 public:
  // What stands at `offset` of the log, in order. What it led to; nothing if it is no step, or not known what it led to.
  std::optional<GroupOutcome> Feed(std::uint64_t offset, std::string_view stamp, std::string_view body);
  // False until a beginning was seen: the log's first step, or a state with all steps after it.
  bool whole() const { return whole_; }
  // What it was fed is the rest of a log that was cut off, without a state to begin with.
  bool lost() const { return next_ > 0 && !whole_; }
  const GroupState& state() const { return state_; }
  // Whether so much was logged since the newest state that another one is due; so it is where a segment of the log begins, for
  // all before it may be dropped.
  bool state_is_due() const {
    return whole_ && (segment_ > stated_ || (bytes_ >= kStateEvery && bytes_ >= 4 * state_bytes_));
  }
  // What is to be written as that state.
  std::string StateStep() const;

  static constexpr std::size_t kStateEvery = 64 * 1024;

 private:
  class Logged {
   public:
    std::uint64_t offset;
    std::string stamp;
    std::string body;
  };
  std::optional<GroupOutcome> FeedStep(std::string_view stamp, std::string_view body);
  void FeedState(std::string_view body);

  bool whole_ = false;
  std::uint64_t next_ = 0;      // the log's next offset
  GroupState state_;
  std::deque<Logged> waiting_;  // steps that were seen before a beginning
  std::uint64_t first_ = 0;     // offset of the first of them
  std::uint64_t segment_ = 0;   // where the newest segment begins that was not the first one seen
  std::uint64_t stated_ = 0;    // the newest state speaks of all before it
  std::size_t bytes_ = 0;       // logged since the newest state
  std::size_t state_bytes_ = 0;
};

// "token-7": the writer and the number of its step.
std::string StampText(std::string_view writer, std::uint64_t number);
std::optional<std::pair<std::string_view, std::uint64_t>> ParseStamp(std::string_view stamp);

}  // namespace tidings::messaging::rabbitmq
