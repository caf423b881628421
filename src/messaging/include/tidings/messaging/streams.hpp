// Streams: logs that are read from any place, any number of times, by readers on their own or by groups that share them.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::messaging {

// A place in a stream: two numbers, as Redis writes them ("1700000000000-3"). Others leave the second 0.
class StreamId {
 public:
  constexpr StreamId() = default;
  constexpr StreamId(std::uint64_t major, std::uint64_t minor) : major_(major), minor_(minor) {}
  // "7" or "7-3"; nothing if it is neither.
  static std::optional<StreamId> Parse(std::string_view text);
  std::string Text() const;

  constexpr std::uint64_t major() const { return major_; }
  constexpr std::uint64_t minor() const { return minor_; }
  friend constexpr auto operator<=>(const StreamId&, const StreamId&) = default;

 private:
  std::uint64_t major_ = 0;
  std::uint64_t minor_ = 0;
};

class StreamEntry {
 public:
  StreamEntry(StreamId id_, Message message_, std::uint32_t deliveries_ = 1)
      : id(id_), message(std::move(message_)), deliveries(deliveries_) {}
  // To be filled.
  explicit StreamEntry(StreamId id_) : id(id_), deliveries(1) {}
  StreamId id;
  Message message;
  std::uint32_t deliveries;  // in a group: how often it was handed out, this time included
};

class StreamStats {
 public:
  std::uint64_t length = 0;  // on RabbitMQ that of the ids' range, a few more than there are entries
  StreamId first;            // of the oldest entry kept
  StreamId last;             // of the newest entry ever
};

class GroupStats {
 public:
  std::uint64_t pending = 0;  // handed out, not acknowledged
  StreamId last_delivered;
  std::optional<StreamId> oldest_pending;
};

// What may be cut off. Never what a group has pending or was not handed out yet, unless `force`; what that loses is counted
// in the ledger as `trimmed`.
class TrimPolicy {
 public:
  static TrimPolicy KeepNewest(std::uint64_t length) { return TrimPolicy(length, StreamId()); }
  static TrimPolicy From(StreamId id) { return TrimPolicy(std::nullopt, id); }
  TrimPolicy& Force() {
    force_ = true;
    return *this;
  }
  const std::optional<std::uint64_t>& length() const { return length_; }
  StreamId from() const { return from_; }
  bool force() const { return force_; }

 private:
  TrimPolicy(std::optional<std::uint64_t> length, StreamId from) : length_(length), from_(from) {}
  std::optional<std::uint64_t> length_;
  StreamId from_;
  bool force_ = false;
};

// A stream comes into being with its first entry or group. Ids rise and are never reused.
class Streams {
 public:
  virtual ~Streams() = default;

  // Accepted as Transport::Publish says.
  virtual Task<Result<StreamId>> Append(std::string stream, Message message) = 0;
  // The place after the newest entry now, to be read on from: `$`, resolved once. The zero id if there is no stream.
  virtual Task<Result<StreamId>> Tail(std::string stream) = 0;
  // Entries after `after`, ascending, up to `limit`; waits up to `wait` for the first. StreamId() reads from the start.
  virtual Task<Result<std::vector<StreamEntry>>> Read(std::string stream, StreamId after, std::size_t limit,
                                                      std::chrono::milliseconds wait) = 0;
  virtual Task<Result<StreamStats>> Stats(std::string stream) = 0;
  // Returns how many entries went. kUnavailable where the broker alone trims; what of that a reader finds missing where it
  // reads on is counted in the ledger as `trimmed`.
  virtual Task<Result<std::uint64_t>> Trim(std::string stream, TrimPolicy policy) = 0;

  // Groups: each entry goes to one of a group's consumers and is pending until it is acknowledged.

  // Starts after `after`; an existing group stays where it is.
  virtual Task<Status> CreateGroup(std::string stream, std::string group, StreamId after) = 0;
  // Entries never handed out to the group. A group that the broker lost is made again from the last id that this process
  // acknowledged for it.
  virtual Task<Result<std::vector<StreamEntry>>> ReadGroup(std::string stream, std::string group, std::string consumer,
                                                           std::size_t limit, std::chrono::milliseconds wait) = 0;
  // How many of them were pending.
  virtual Task<Result<std::uint64_t>> Acknowledge(std::string stream, std::string group, std::vector<StreamId> ids) = 0;
  // Takes over what was handed out longer than `idle` ago, whoever holds it: also what this consumer held before a crash. An
  // entry that was cut off while it was pending is counted in the ledger as `trimmed` and is pending no more.
  virtual Task<Result<std::vector<StreamEntry>>> Claim(std::string stream, std::string group, std::string consumer,
                                                       std::chrono::milliseconds idle, std::size_t limit) = 0;
  virtual Task<Result<GroupStats>> Group(std::string stream, std::string group) = 0;
};

}  // namespace tidings::messaging
