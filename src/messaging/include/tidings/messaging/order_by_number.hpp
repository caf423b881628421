// OrderByNumber: messages of a key are handled in the order of the numbers that their publisher gave them (numbering.hpp),
// once each, whatever order they come in and whoever is killed in between.
//
//   router.Subscribe("orders", OrderByNumber(inbox), Concurrency(8), handler);
//
// OrderByKey keeps the order in which messages come. Brokers change that one: RabbitMQ 3.10 hands the next consumer of a
// single-active queue what is fresh before what a stopped one held; a retry that a stop interrupted goes behind all others; of
// consumers that compete, each has a part of a key. Here it is the number that counts:
//
// - Number n + 1 is handled after n is. What comes too early is held, unacknowledged, as a part of the prefetch; other keys go
//   on beside it.
// - How far a key is handled is kept by the inbox, in the transaction of the effect, and each message's id too: what comes again,
//   in whatever order, after any crash, changes nothing again. (Idempotent is a part of this; write effects as it says.)
// - Where nothing but early ones are in hand and no room is left for what they wait for, they are given back: at once the first
//   time, for that is what is needed after a hand-over; then for a while, so that what lies behind them comes forward.
// - What does not come within `gap` (it expired, was purged, died at the broker's delivery limit) is passed over, logged and
//   counted, here and in the ledger as `missed`. If it comes after all, it is handled at once; Context::late tells the handler.
//   One that this handler buried has had its turn, and nobody waits for it.
// - A key of which nothing is known begins with its first message, number 1. In the middle of its life (the consumer is new, or
//   the inbox has forgotten the key) the lowest number that comes waits for those before it as for any that are missing, and
//   they count as one.
// - A message without a number, or without a key, has no place. It waits behind those of its key that are being handled or were
//   let in before it, and passes those that wait for an earlier number.
//
// Consumers that share an inbox, or each a share of the keys, may compete for a queue: one that waits for what another one
// handles looks at the inbox every 50 ms. That is correct and slow; for speed, let one consume at a time
// (QueueOptions::single_active), or give each a queue. What one of them tries again the others wait for: the delays of the
// handler's Retry are added to `gap`. What else keeps a message in hand is not known here: a handler that takes longer than
// `gap`, all its tries together, or a circuit breaker that is open for longer, lets the others pass its message over. On
// RabbitMQ a queue needs a delivery limit, as it has by default: without one, 3.10 puts what is given back behind everything
// else.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <tidings/messaging/handler_settings.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/numbered_inbox.hpp>

namespace tidings::messaging {

class NumberBounds {
 public:
  NumberBounds() = default;
  // How long the messages of a key wait for one that is missing: longer than a handler takes, and than a dead consumer's
  // connection goes unnoticed. Where the transport has leases it is at least the handler's, and all the delays of its Retry
  // (longest jitter, and a third, by which brokers round delays up) are waited for beside it.
  std::chrono::milliseconds gap{30'000};
  // The same, exactly, for a key of which nothing is known; as long as for others if it is not given. Where a consumer is new and
  // its keys are old each of them pays this once. Shorter than retries take, it lets the first messages of a new key change
  // places; they are counted then as others are.
  std::optional<std::chrono::milliseconds> look;
  // Where what is missed is counted; may be null.
  LossLedger* ledger = nullptr;
};

class OrderByNumber {
 public:
  // `inbox` outlives the Router, and so does the ledger. REQUIRES: no Idempotent beside it. An OrderByKey after it may say by
  // which key messages wait for each other while they are handled, as long as those of one Message::key share it.
  explicit OrderByNumber(NumberedInbox& inbox, NumberBounds bounds = NumberBounds());
  void AddTo(HandlerSettings& settings) const;

  // Messages that had been handled before; that were passed over; that came after they had been; times that early ones were
  // given back.
  std::uint64_t repeats() const;
  std::uint64_t missed() const;
  std::uint64_t late() const;
  std::uint64_t given_back() const;

 private:
  Idempotent once_;
  std::shared_ptr<NumberOrder> order_;
};

}  // namespace tidings::messaging
