// Consumption: one handler of a Router at work, from Start to Stop.
//
// `concurrency` + 1 runners share the work: whoever is free handles what is ready, one at a time fetches the next
// message, and the others wait. A handler that does not wait costs no change of runner.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include <tidings/messaging/router.hpp>
#include <tidings/messaging/signal.hpp>

#include "key_lanes.hpp"

namespace tidings::messaging {

// What one Subscribe said. Outlives the Router where a handler that was left to itself still runs.
class Plan {
 public:
  Plan(std::string queue_, HandlerSettings settings_, AnyHandler handler_)
      : queue(std::move(queue_)), settings(std::move(settings_)), handler(std::move(handler_)) {}
  std::string queue;
  HandlerSettings settings;
  AnyHandler handler;
  Middlewares chain;
  bool prepared = false;
  RouterStats stats;
};

class Consumption : public std::enable_shared_from_this<Consumption> {
 public:
  Consumption(Transport& transport, Timers& timers, std::shared_ptr<Plan> plan);

  // Opens the consumer; nothing is handled before Begin.
  Task<Status> Open();
  void Begin();
  // Takes nothing more, and begins nothing more unless what is in hand is to be finished.
  void Halt() {
    halted_ = true;
    if (!plan_->settings.finish_in_hand) place_.stopping = true;
  }
  Task<void> Stop(Millis until, std::chrono::milliseconds grace);

  std::uint64_t handling() const { return handling_; }
  std::uint64_t waiting() const { return lanes_.waiting() + held_.size(); }

 private:
  // A message in hand.
  class Work {
   public:
    explicit Work(Delivery delivery_) : delivery(std::move(delivery_)) {}
    Delivery delivery;
    std::string key;
    Alarm alarm;
    Millis due = 0;
    bool extending = false;
  };
  using WorkPtr = std::unique_ptr<Work>;

  class Runner {
   public:
    boost::asio::cancellation_signal cancel;
    Work* work = nullptr;
    bool in_handler = false;
    bool cancelled = false;
  };

  static Task<void> Run(std::shared_ptr<Consumption> self, Runner& runner);
  static Task<void> KeepLeases(std::shared_ptr<Consumption> self);
  Task<void> Fetch();
  Task<void> Handle(Runner& runner, WorkPtr work);
  Verdict Decide(const Work& work, Verdict verdict) const;
  // True if the message stays in hand.
  Task<bool> Settle(Work& work, const Verdict& verdict);
  Task<Status> Bury(Delivery& delivery, const Verdict& verdict);
  void Hold(WorkPtr work, std::chrono::milliseconds delay);
  void Leave(const Work& work);
  Task<void> GiveBack(WorkPtr work);
  // Until nothing is in hand.
  Task<void> FinishUntil(Millis end);
  // For the end of all runners.
  Task<void> WaitUntil(Millis end);
  // Cancels the handlers that still run, and takes their messages from those that do not end.
  Task<void> Cut(std::chrono::milliseconds grace);
  void Ready(WorkPtr work);
  void WakeOne();
  bool MayHandle() const { return !ready_.empty() && handling_ < plan_->settings.concurrency; }
  bool MayFetch() const {
    return !fetching_ && !ended_ && !halted_ && ready_.empty() && handling_ < plan_->settings.concurrency;
  }

  Transport& transport_;
  Timers& timers_;
  std::shared_ptr<Plan> plan_;
  Context::Place place_;
  std::unique_ptr<Consumer> consumer_;
  std::deque<Runner> runners_;
  std::deque<WorkPtr> ready_;
  KeyLanes<WorkPtr> lanes_;
  std::deque<WorkPtr> held_;          // in hand until their next try
  std::unordered_set<Work*> leased_;  // everything in hand, where there are leases
  Signal idle_;
  Signal changed_;                    // something that Stop waits for, or a lease was prolonged
  std::uint64_t handling_ = 0;
  std::uint64_t running_ = 0;
  bool keeps_leases_ = false;
  bool fetching_ = false;
  bool waking_ = false;
  bool halted_ = false;  // takes no more; place_.stopping: begins no more either
  bool stopped_ = false;
  bool ended_ = false;   // the queue gives out no more
};

}  // namespace tidings::messaging
