// Core: the executor's side of the transport. It sends jobs to the worker, keeps what the worker hands out until somebody asks
// for it, and watches the leases of what was handed on.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "job.hpp"
#include "worker.hpp"

namespace tidings::messaging::embedded {

// What a consumer has been sent and has not asked for yet. Its size is bounded by its prefetch.
class Basket {
 public:
  class Fetched {
   public:
    KeptMessage kept;
    Millis deadline = 0;  // goes back to the queue then, if nobody asked for it
  };
  Basket(Executor executor, ConsumerId consumer_, std::string queue_, std::chrono::milliseconds lease_)
      : consumer(consumer_), queue(std::move(queue_)), lease(lease_), arrived(std::move(executor)) {}
  ConsumerId consumer;
  std::string queue;
  std::chrono::milliseconds lease;
  std::deque<Fetched> messages;
  Signal arrived;
  bool ended = false;
  bool asks = false;   // somebody waits for the next one
  bool rests = false;  // a lease ended while nobody asked: it is sent nothing until somebody does
};

// A subscription's notices that nobody asked for yet.
class NoticeBox {
 public:
  static constexpr std::size_t kMost = 1'024;
  explicit NoticeBox(Executor executor) : arrived(std::move(executor)) {}
  std::deque<Notice> notices;
  Signal arrived;
  bool ended = false;
  bool overrun = false;  // the last one in it is a gap, and more is dropped until there is room
};

// A message that was handed to the user.
class Held : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  QueueId queue = 0;
  MessageId id = 0;
  ConsumerId consumer = 0;
  std::uint64_t epoch = 0;
  Millis deadline = 0;
  std::chrono::milliseconds lease{0};
  bool ours = true;
};

// One executor.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Executor executor, Timers& timers, LossLedger& ledger);

  // REQUIRES: called once, before all else.
  void Start(std::unique_ptr<QueueFile> file, std::unique_ptr<Desk> desk, Worker::Options options);
  void Close();
  bool closed() const { return closed_; }

  // Runs `work` on the file and resumes when its outcome is durable. Anything else than an outcome of its own is
  // kUnavailable, "refused", or kInternal: unknown.
  template <class T, class Work>
  Task<Result<T>> Call(bool essential, Work work) {
    const auto self = shared_from_this();
    auto initiate = [&]<class Done>(Done handler) {
      Submit(std::make_unique<JobOf<T, Work, Done>>(essential, std::move(work), std::move(handler)));
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<T>)>(
        initiate, boost::asio::use_awaitable);
  }
  // The same, and nobody waits.
  template <class Work>
  void Send(Work work) {
    Submit(std::make_unique<JobOf<void, Work, Unheard>>(true, std::move(work), Unheard(executor_)));
  }

  Task<Result<std::shared_ptr<Basket>>> Open(ConsumerId consumer, std::string queue, std::size_t prefetch,
                                             std::chrono::milliseconds lease, bool listed);
  // What was not asked for goes back. Returns when it has.
  Task<void> Shut(ConsumerId consumer);
  void ShutSoon(ConsumerId consumer);
  ConsumerId NewConsumer() { return ++last_consumer_; }
  // Somebody waits at the basket from now on.
  void Ask(Basket& basket);
  // REQUIRES: the basket is not empty.
  Delivery HandOut(Basket& basket);

  // Whether a delivery may still be settled; it is from now on by nobody else.
  bool Let(Held& held);
  // It was dropped.
  void Drop(Held& held);
  void Extend(Held& held);

  std::shared_ptr<NoticeBox> OpenBox(SubscriptionId subscription);
  void ShutBox(SubscriptionId subscription);
  SubscriptionId NewSubscription() { return ++last_subscription_; }

  Executor executor() const { return executor_; }
  // Has the executor's context run on while somebody waits.
  Executor Working() const { return boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked); }
  std::uint64_t commits() const { return worker_->commits(); }
  Timers& timers() { return timers_; }
  LossLedger& ledger() { return ledger_; }
  Signal& streams_grew() { return streams_grew_; }

 private:
  void Submit(std::unique_ptr<Job> job);
  void Receive(const Jobs& jobs, Outbox outbox);
  void LoseAll(std::uint64_t epoch);
  void PutNotice(SubscriptionId subscription, Notice notice);
  std::vector<MessageId> TakeLeft(ConsumerId consumer);
  void Remove(ConsumerId consumer, std::vector<MessageId> left);
  void Watch(Millis deadline);
  void CheckLeases();
  void LetRest(ConsumerId consumer);
  void TakeBack(Basket& basket);

  Executor executor_;
  Timers& timers_;
  LossLedger& ledger_;
  Signal streams_grew_;
  std::uint64_t epoch_ = 1;
  ConsumerId last_consumer_ = 0;
  SubscriptionId last_subscription_ = 0;
  std::map<ConsumerId, std::shared_ptr<Basket>> baskets_;
  std::map<SubscriptionId, std::shared_ptr<NoticeBox>> boxes_;
  // Owned by the deliveries, which take themselves out.
  boost::intrusive::list<Held, boost::intrusive::constant_time_size<false>> held_;
  Alarm due_alarm_;
  Alarm lease_alarm_;
  std::optional<Millis> lease_alarm_at_;
  bool closed_ = false;
  std::unique_ptr<Worker> worker_;
};

}  // namespace tidings::messaging::embedded
