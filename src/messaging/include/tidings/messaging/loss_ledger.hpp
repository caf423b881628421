// LossLedger: every place where a message may legally vanish counts here, with its cause, so that none vanishes unseen.
//
// What its publisher is told of is no loss: a full queue refuses what comes, and counts nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/guarded.hpp>

namespace tidings::messaging {

enum class LossCause {
  kExpired,       // "expired": its time to live ended
  kTrimmed,       // "trimmed": cut off a stream while a group still owed it, or under a reader
  kMaxLength,     // "max-length": the oldest of what is kept up to a number, as the webhook worker's dead letters are
  kUnrouted,      // "unrouted": no queue or subscriber wanted it, and its publisher did not mind
  kPubSubGap,     // "pub-sub-gap": times that a subscriber was told that it may have missed something
  kSlow,          // "slow": a subscriber fell behind further than its buffer
  kNoDeadLetter,  // "no-dead-letter": it died in a queue without dead letters
  kPurged,     // "purged": an operator dropped it, or it was in a queue that was deleted, or ended with its connection
  kMissed,     // "missed": a number of its key's that did not come in time; see OrderByNumber
  kOverdue,    // "overdue": a request that came to its responder when nobody waited for the answer any longer
  kUnclaimed,  // "unclaimed": a reply that nobody waited for: late, or to no request of its requester's
};

std::string_view Name(LossCause cause);

// Thread-safe.
class LossLedger {
 public:
  // `where` is the queue, topic or stream. At most 1,000 places are told apart; what comes after counts under "other".
  void Count(LossCause cause, std::string_view where, std::uint64_t messages = 1);
  // All that another one has counted.
  void Add(const LossLedger& other);
  std::uint64_t Of(LossCause cause) const;
  // Causes that have lost something, by name as metrics show them.
  std::vector<std::pair<std::string, std::uint64_t>> ByCause() const;
  // (cause, place) → messages.
  std::map<std::pair<LossCause, std::string>, std::uint64_t> All() const;

 private:
  mutable Guarded<std::map<std::pair<LossCause, std::string>, std::uint64_t>> counts_;
};

}  // namespace tidings::messaging
