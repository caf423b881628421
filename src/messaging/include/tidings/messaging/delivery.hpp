// Delivery: a message that was handed out and has to be settled, once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::messaging {

// Why a message is among the dead letters; the words of header::kDeathReason.
enum class DeathReason {
  kFailed,         // "failed": handling it failed as often as was allowed
  kRejected,       // "rejected": the handler said that no retry helps
  kUndecodable,    // "undecodable": it could not be read; the body is as it came
  kDeliveryLimit,  // "delivery-limit": handed out too often without being settled
  kExpired,        // "expired": it grew older than its queue or itself allowed
};

std::string_view Name(DeathReason reason);

// Writes reason, error, origin and history into the headers of a message that goes to the dead letters of `queue`.
void MarkDead(Message& message, DeathReason reason, std::string_view error, std::string_view queue, Millis now);

// How one transport settles one delivery. Dropped unsettled: back to its place without waiting, as Nack does it, but counted
// against QueueOptions::delivery_limit, for the message may be what its consumer died of.
//
// Each call is made at most once, and no other after it. kConflict: the delivery is not ours any more (its lease ended,
// the connection broke); the message will be or was handed out again, and nothing else was done.
class Settlement {
 public:
  virtual ~Settlement() = default;
  virtual Task<Status> Ack() = 0;
  virtual Task<Status> Nack() = 0;
  // Puts `message` (the same id, its headers perhaps changed) into its place, to be handed out when `delay` is over.
  virtual Task<Status> Retry(Message message, std::chrono::milliseconds delay) = 0;
  // Puts `message` among the dead letters of its queue.
  virtual Task<Status> Bury(Message message) = 0;
  // Prolongs the lease where there is one. False: it is lost.
  virtual Task<bool> Extend() { co_return true; }
};

// Movable. REQUIRES: settled by one call at most, and the transport is alive then.
class Delivery {
 public:
  Delivery(Message message, std::string queue, std::uint32_t deliveries, std::unique_ptr<Settlement> settlement)
      : message_(std::move(message)),
        queue_(std::move(queue)),
        deliveries_(deliveries),
        settlement_(std::move(settlement)) {}

  const Message& message() const { return message_; }
  const std::string& queue() const { return queue_; }
  // 1 + how often handling it has failed (header::kFailures): what a retry policy counts.
  std::uint32_t attempt() const;
  // How often it was handed out, this time included, as far as the transport knows; crashes count here and failures too.
  std::uint32_t deliveries() const { return deliveries_; }

  // Done; the message is gone for good when this returns success.
  Task<Status> Ack();
  // Back to its place, uncounted: for shutdown and "not now". No harm was done by the message.
  Task<Status> Nack();
  // Handling it failed: counted, with the error's text in its history, and handed out again when `delay` is over.
  Task<Status> Retry(std::string_view error, std::chrono::milliseconds delay, Millis now);
  // Counts a failure in the headers in hand, and settles nothing: what PutBack or Bury then keeps. Lost with the process.
  void CountFailure(std::string_view error, Millis now);
  // Back to its place as its headers are now, uncounted, and handed out again when `delay` is over.
  Task<Status> PutBack(std::chrono::milliseconds delay);
  // To the dead letters, with reason, error, origin and history in its headers.
  Task<Status> Bury(DeathReason reason, std::string_view error, Millis now);
  // See Settlement::Extend.
  Task<bool> Extend();

  bool settled() const { return settlement_ == nullptr; }

 private:
  Message message_;
  std::string queue_;
  std::uint32_t deliveries_;
  std::unique_ptr<Settlement> settlement_;
};

}  // namespace tidings::messaging
