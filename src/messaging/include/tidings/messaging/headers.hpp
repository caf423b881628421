// Headers: named values beside a message's body, in the order in which they were set.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidings::messaging {

// Names are 1 to 128 printable ASCII characters and compare by case; values are bytes, the empty one included. A message
// carries at most kMostHeaders of them and kMostHeaderBytes in all; transports refuse more with kTooLarge.
class Headers {
 public:
  static constexpr std::size_t kMostHeaders = 64;
  static constexpr std::size_t kMostHeaderBytes = 32 * 1024;

  using Entry = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Entry> entries);

  // Sets or replaces.
  void Set(std::string_view name, std::string value);
  // Sets it unless it is there.
  void SetDefault(std::string_view name, std::string value);
  void Remove(std::string_view name);

  // Nothing if it is not there. Valid until the headers change.
  std::optional<std::string_view> Find(std::string_view name) const;
  // "" if it is not there.
  std::string_view Get(std::string_view name) const { return Find(name).value_or(std::string_view()); }
  // The value as a whole number (decimal digits only); nothing if it is not there or none.
  std::optional<std::uint64_t> Number(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  // Names and values together.
  std::size_t Bytes() const;

  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  std::vector<Entry> entries_;
};

// The names that the library itself sets and reads. All begin with "tidings-" but for those of other conventions.
namespace header {
inline constexpr std::string_view kCorrelationId = "correlation-id";  // of the conversation; inherited by what follows
inline constexpr std::string_view kCausationId = "causation-id";      // id of the message that this one follows from
inline constexpr std::string_view kReplyTo = "reply-to";              // queue for the answer to a request
inline constexpr std::string_view kTraceParent = "traceparent";       // W3C Trace Context
inline constexpr std::string_view kContentType = "content-type";
inline constexpr std::string_view kTimestamp = "tidings-time";        // RFC 3339, when it was first published
// CloudEvents 1.0, AMQP binding §3.1.3.1.
inline constexpr std::string_view kCloudEventsPrefix = "cloudEvents:";
// How often handling it has failed so far; not there: never.
inline constexpr std::string_view kFailures = "tidings-failures";
// On a dead letter: why it died (reason.hpp), the last error's text, the queue that it came from, when, and the history
// as a JSON array of {attempt, at, error}.
inline constexpr std::string_view kDeathReason = "tidings-death-reason";
inline constexpr std::string_view kDeathError = "tidings-death-error";
inline constexpr std::string_view kDeathQueue = "tidings-death-queue";
inline constexpr std::string_view kDeathTime = "tidings-death-time";
inline constexpr std::string_view kHistory = "tidings-history";
// How often it was replayed out of the dead letters.
inline constexpr std::string_view kReplays = "tidings-replays";
// On a request: RFC 3339, when its requester stops waiting. On a reply that is an error: its code and its text.
inline constexpr std::string_view kDeadline = "tidings-deadline";
inline constexpr std::string_view kErrorCode = "tidings-error-code";
inline constexpr std::string_view kErrorText = "tidings-error-text";
}  // namespace header

}  // namespace tidings::messaging
