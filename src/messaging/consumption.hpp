// Consumption: one handler of a Router at work, from Start to Stop.
//
// `concurrency` + 1 runners share the work: whoever is free handles what is ready, one at a time fetches the next
// message, and the others wait. A handler that does not wait costs no change of runner.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <tidings/messaging/router.hpp>
#include <tidings/messaging/signal.hpp>

#include "key_lanes.hpp"
#include "number_gate.hpp"

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
  std::uint64_t waiting() const { return lanes_.waiting() + held_.size() + (gate_ ? gate_->early() : 0); }

 private:
  // A message in hand.
  class Work {
   public:
    explicit Work(Delivery delivery_) : delivery(std::move(delivery_)) {}
    Delivery delivery;
    std::string key;
    bool late = false;
    Alarm alarm;
    Millis due = 0;
    bool extending = false;
  };
  using WorkPtr = std::unique_ptr<Work>;
  using Works = std::vector<WorkPtr>;

  class Runner {
   public:
    boost::asio::cancellation_signal cancel;
    Work* work = nullptr;
    bool in_handler = false;
    bool cancelled = false;
  };

  static Task<void> Run(std::shared_ptr<Consumption> self, Runner& runner);
  static Task<void> KeepLeases(std::shared_ptr<Consumption> self);
  // Sees to what waits for earlier numbers.
  static Task<void> KeepOrder(std::shared_ptr<Consumption> self);
  Task<void> Fetch();
  Task<void> Handle(Runner& runner, WorkPtr work);
  Verdict Decide(const Work& work, Verdict verdict) const;
  // True if the message stays in hand.
  Task<bool> Settle(Work& work, const Verdict& verdict);
  Task<Status> Bury(Delivery& delivery, const Verdict& verdict);
  void Hold(WorkPtr work, std::chrono::milliseconds delay);
  void Leave(const Work& work);
  Task<void> GiveBack(WorkPtr work, std::chrono::milliseconds delay = {});
  // A work that was fetched: into its lane, and the lane's first to those who are ready.
  void EnterLane(WorkPtr work);
  // The same where messages go by their numbers: as soon as the earlier ones have.
  Task<void> EnterInOrder(WorkPtr work);
  // How long a message may be on its way, or in the hands of another consumer that tries it again.
  std::chrono::milliseconds LongestGap() const;
  // What the inbox knows of a sequence. False: it does not answer.
  Task<bool> LearnPosition(std::string sequence);
  Task<void> LookForOthers();
  void PassOverGaps();
  // Of those who waited for earlier numbers.
  void LetOn(Works works);
  // Where nothing but early ones are in hand, there is no room for what they wait for.
  Task<void> MakeRoom();
  Task<void> GiveBackEarly(std::chrono::milliseconds away);
  Task<Status> PassBy(const Message& message);
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
  std::optional<NumberGate<WorkPtr>> gate_;
  std::deque<WorkPtr> held_;          // in hand until their next try
  std::unordered_set<Work*> leased_;  // everything in hand, where there are leases
  Signal idle_;
  Signal changed_;                    // something that Stop waits for, or a lease was prolonged
  std::uint64_t handling_ = 0;
  std::uint64_t running_ = 0;
  std::uint64_t giving_back_ = 0;
  std::uint32_t rounds_ = 0;  // times that early ones were given back, one soon after the other
  Millis gave_back_at_ = 0;
  Millis no_room_since_ = 0;
  bool inbox_silent_ = false;  // it did not say how far a key is handled
  bool keeps_leases_ = false;
  bool fetching_ = false;
  bool waking_ = false;
  bool halted_ = false;  // takes no more; place_.stopping: begins no more either
  bool stopped_ = false;
  bool ended_ = false;   // the queue gives out no more
};

}  // namespace tidings::messaging
