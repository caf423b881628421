// Fetcher: what one consumer has taken out of a queue, before and after it is handed out.
#pragma once

#include <boost/circular_buffer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/delivery.hpp>

#include "queue.hpp"

namespace tidings::redis {

using messaging::Delivery;

class RedisSettlement;

// A message that was leased.
class Taken {
 public:
  std::string entry;
  std::uint32_t deliveries = 0;
  char flag = '0';  // see scripts::kTake
  Millis ends = 0;  // its lease, by our steady clock
  std::optional<Message> message;
  std::string raw;  // where it could not be read
};

// Dropped: what was not handed out goes back uncounted, what was stays valid.
class Fetcher : public std::enable_shared_from_this<Fetcher> {
 public:
  Fetcher(Executor executor, std::shared_ptr<Queue> queue, std::chrono::milliseconds lease, std::string owner);
  ~Fetcher();

  // Asks for up to `count` more. Returns how many came. kNotFound: no such queue; kConflict: it is
  // another's own.
  enum class As { kConsumer, kRegisteredConsumer, kPop };
  Task<Result<std::size_t>> Take(std::size_t count, As as);
  // Buries those at the head of the queue that have expired. Returns when to look again; nothing: when there is a reason.
  Task<Result<std::optional<std::chrono::milliseconds>>> Expire();
  // The next one that a handler should see: those expired or handed out too often are buried on the way, and those that
  // cannot be read.
  Task<std::optional<Delivery>> HandOut();
  // The same, as long as nothing must be buried for it; else nothing.
  std::optional<Delivery> HandOutNow();
  // Prolongs what waits here for a handler.
  Task<void> Renew();
  // Gives back what was not handed out.
  void GiveBack();
  // No consumer any more.
  void Unregister();

  std::size_t buffered() const { return buffer_.size(); }
  std::size_t unsettled() const { return held_.size(); }
  // When something becomes ready by itself, as the last Take heard; nothing if nothing does.
  std::optional<std::chrono::milliseconds> next_due() const { return next_due_; }
  std::chrono::milliseconds lease() const { return lease_; }
  Queue& queue() { return *queue_; }
  // Told when one was settled and at most so many are left, buffered and unsettled together.
  Signal& settled() { return settled_; }
  void TellAt(std::size_t left) { tell_at_ = left; }

 private:
  friend class RedisSettlement;
  Task<Result<std::size_t>> Ask(const Script& script, Arguments arguments);
  Result<std::size_t> Keep(const Value& value, Millis ends);
  Task<Result<std::uint64_t>> Recover();
  Task<void> BuryUnseen(Taken taken);

  std::shared_ptr<Queue> queue_;
  const std::string consumer_;
  const std::string owner_;
  const std::chrono::milliseconds lease_;
  boost::circular_buffer<Taken> buffer_{16};
  std::vector<RedisSettlement*> held_;
  Signal settled_;
  std::size_t tell_at_ = 0;
  std::optional<std::chrono::milliseconds> next_due_;
  bool lost_ = false;           // a hand-out may have been lost with a connection
  std::uint64_t given_up_ = 0;  // how often all that waited here went back, for the lease of one was over
};

}  // namespace tidings::redis
