// HandlerSettings: how one handler of a Router runs, and the small options that set it.
//
//   router.Subscribe("orders", Named("billing"), Concurrency(8), OrderByKey(), Timeout(5s), handler);
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <tidings/messaging/middleware.hpp>
#include <tidings/messaging/retry.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class NumberOrder;

class HandlerSettings {
 public:
  using KeyOf = std::function<std::string(const Message&)>;

  HandlerSettings() = default;
  std::string name;                // empty: the queue's
  std::uint16_t concurrency = 16;  // handlers that run at once
  std::uint16_t prefetch = 0;      // at least the concurrency, which 0 stands for; ordered by key: twice that
  std::chrono::milliseconds lease{30'000};
  Retry retry;
  std::string dead_letters;                   // a queue in place of the handler's own one for dead letters
  KeyOf key_of;                               // null: no order
  std::shared_ptr<NumberOrder> number_order;  // null: in the order in which they come
  bool finish_in_hand = false;
  Middlewares middlewares;                    // outermost first

  std::uint16_t Prefetch() const {
    const std::uint32_t least = key_of && prefetch == 0 ? 2u * concurrency : concurrency;
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(std::max<std::uint32_t>(prefetch, least), 10'000));
  }
};

// What may stand between a queue and its handler in Router::Subscribe.
template <class T>
concept HandlerOption = requires(T option, HandlerSettings& settings) { std::move(option).AddTo(settings); };

// The handler's name in the inbox, the metrics and the log: one for all that compete for a queue, or each has its effect.
class Named {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  void AddTo(HandlerSettings& settings) const { settings.name = name_; }

 private:
  std::string name_;
};

// How many run at once, 1 to 10,000.
class Concurrency {
 public:
  explicit Concurrency(std::uint16_t most) : most_(std::clamp<std::uint16_t>(most, 1, 10'000)) {}
  void AddTo(HandlerSettings& settings) const { settings.concurrency = most_; }

 private:
  std::uint16_t most_;
};

// How many messages are taken ahead, those being handled included; see ConsumeOptions.
class Prefetch {
 public:
  explicit Prefetch(std::uint16_t most) : most_(most) {}
  void AddTo(HandlerSettings& settings) const {
    settings.prefetch = most_;
    if (most_ > 0) settings.concurrency = std::min(settings.concurrency, most_);
  }

 private:
  std::uint16_t most_;
};

// How long a consumer that is gone keeps a message to itself, where the transport has leases. The Router prolongs those
// that it holds.
class Lease {
 public:
  explicit Lease(std::chrono::milliseconds duration) : duration_(duration) {}
  void AddTo(HandlerSettings& settings) const { settings.lease = duration_; }

 private:
  std::chrono::milliseconds duration_;
};

// Messages of one key (Message::key unless `key_of` says otherwise; the empty key has no order) are handled one after the
// other, in the order in which they came, while those of other keys run beside them. One that failed is kept in hand until
// its retries are over, and the later ones of its key wait; at most `prefetch` messages are held so. The order spans the
// consumers of this process alone: use one consumer, or a queue for each share of the keys, or OrderByNumber. A failure in hand is written
// into the message when the Router stops; one that a crash forgot is bounded by the queue's delivery limit.
class OrderByKey {
 public:
  OrderByKey() : key_of_([](const Message& message) { return message.key; }) {}
  explicit OrderByKey(HandlerSettings::KeyOf key_of) : key_of_(std::move(key_of)) {}
  void AddTo(HandlerSettings& settings) const { settings.key_of = key_of_; }

 private:
  HandlerSettings::KeyOf key_of_;
};

// What was taken is handled to its end when the Router stops, within the deadline, instead of going back: given back, it
// could be handed out behind what came after it, where a queue of the broker's does not restore its places. For handlers
// whose order matters to the next consumer of the queue too.
class FinishInHand {
 public:
  void AddTo(HandlerSettings& settings) const { settings.finish_in_hand = true; }
};

// Where its dead letters go, `<queue>.dead` if not said, and after how many immediate tries: in place of a Retry before it.
class DeadLetter {
 public:
  explicit DeadLetter(std::string queue = "") : queue_(std::move(queue)) {}
  const std::string& queue() const { return queue_; }
  DeadLetter& After(std::uint32_t tries) {
    tries_ = std::max<std::uint32_t>(tries, 1);
    return *this;
  }
  void AddTo(HandlerSettings& settings) const {
    settings.dead_letters = queue_;
    if (tries_ > 0) settings.retry = Retry().Immediate(tries_ - 1);
  }

 private:
  std::string queue_;
  std::uint32_t tries_ = 0;
};

// A middleware of one's own; Router::Use for all handlers.
class Use {
 public:
  explicit Use(std::shared_ptr<Middleware> middleware) : middleware_(std::move(middleware)) {}
  void AddTo(HandlerSettings& settings) const { settings.middlewares.push_back(middleware_); }

 private:
  std::shared_ptr<Middleware> middleware_;
};

}  // namespace tidings::messaging
