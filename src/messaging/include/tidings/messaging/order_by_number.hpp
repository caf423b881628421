// OrderByNumber: messages of a key are handled in the order of the numbers that their publisher gave them (numbering.hpp),
// once each, whatever order they come in and whoever is killed in between.
//
//   router.Subscribe("orders", OrderByNumber(inbox), Concurrency(8), handler);
//
// OrderByKey keeps the order in which messages come. Brokers change that one: RabbitMQ 3.10 hands the next consumer of a
// single-active queue what is fresh before what a killed one held; a retry that a stop interrupted goes behind all others; of
// consumers that compete, each has a part of a key. Here it is the number that counts:
//
// - Number n + 1 is handled after n is. What comes too early is held, unacknowledged, as a part of the prefetch; other keys go
//   on beside it.
// - How far a key is handled is kept by the inbox, in the transaction of the effect, and each message's id too: what comes again,
//   in whatever order, after any crash, changes nothing again. (Idempotent is a part of this; write effects as it says.)
// - Where nothing but early ones are in hand and no room is left for what they wait for, they are given back: at once the first
//   time, for that is what is needed after a kill; then for a while, so that what lies behind them comes forward.
// - What does not come within `gap` (it expired, was purged, died at the broker's delivery limit) is passed over, logged and
//   counted, here and in the ledger as `missed`. If it comes after all, it is handled at once; Context::late tells the handler.
//   One that this handler buried has had its turn, and nobody waits for it.
// - A key of which nothing is known begins with its first message; in the middle of its life, for a new consumer, with the
//   lowest number that comes within `look`.
// - A message without number or key is handled as it comes, after those of its key that came before it.
//
// Consumers that share an inbox, or each a share of the keys, may compete for a queue: one that waits for what another one
// handles looks at the inbox every 50 ms. That is correct and slow; for speed, let one consume at a time
// (QueueOptions::single_active), or give each a queue. On RabbitMQ a queue needs a delivery limit, as it has by default: without
// one, 3.10 puts what is given back behind everything else.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <tidings/messaging/handler_settings.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/numbered_inbox.hpp>

namespace tidings::messaging {

class NumberBounds {
 public:
  NumberBounds() = default;
  // How long the messages of a key wait for one that is missing. Longer than a dead consumer goes unnoticed (its lease, or its
  // connection's heartbeats) and than the delays of retries that a stop may interrupt.
  std::chrono::milliseconds gap{30'000};
  // Each key pays this once where the consumer is new and the key is not.
  std::chrono::milliseconds look{1'000};
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
