// How a Consumption ends.
#include <algorithm>

#include "consumption.hpp"

namespace tidings::messaging {

using std::chrono::milliseconds;

Task<void> Consumption::GiveBack(WorkPtr work, milliseconds delay) {
  while (work->extending) co_await changed_.Wait();
  leased_.erase(work.get());
  ++plan_->stats.returned;
  work->alarm.Cancel();
  // A failure that was counted in hand is kept with the message.
  const Millis left = std::max<Millis>(work->due - timers_.Steady(), 0);
  Status back;
  if (work->due > 0 || delay.count() > 0) {
    back = co_await work->delivery.PutBack(std::max(milliseconds(left), delay));
  } else {
    back = co_await work->delivery.Nack();
  }
  if (!back) ++plan_->stats.unsettled;
}

Task<void> Consumption::FinishUntil(Millis end) {
  while ((handling_ > 0 || fetching_ || !ready_.empty() || waiting() > 0) && timers_.Steady() < end) {
    co_await changed_.WaitFor(timers_, milliseconds(end - timers_.Steady()));
  }
  place_.stopping = true;
}

Task<void> Consumption::WaitUntil(Millis end) {
  while (running_ > 0 && timers_.Steady() < end) {
    co_await changed_.WaitFor(timers_, milliseconds(end - timers_.Steady()));
  }
}

Task<void> Consumption::Stop(Millis until, milliseconds grace) {
  if (consumer_) co_await consumer_->Stop();
  // What these wait for does not come any more.
  if (gate_) co_await GiveBackEarly(milliseconds(0));
  if (!place_.stopping) co_await FinishUntil(until);
  std::deque<WorkPtr> unbegun = std::move(ready_);
  ready_.clear();
  for (WorkPtr& work : held_) unbegun.push_back(std::move(work));
  held_.clear();
  for (WorkPtr& work : lanes_.Clear()) unbegun.push_back(std::move(work));
  for (WorkPtr& work : unbegun) co_await GiveBack(std::move(work));
  while (giving_back_ > 0) co_await changed_.Wait();
  idle_.NotifyAll();

  co_await WaitUntil(until);
  if (running_ > 0) co_await Cut(grace);
  stopped_ = true;
  changed_.NotifyAll();
}

Task<void> Consumption::Cut(milliseconds grace) {
  for (Runner& runner : runners_) {
    if (!runner.in_handler) continue;
    runner.cancelled = true;
    runner.cancel.emit(boost::asio::cancellation_type::terminal);
  }
  co_await WaitUntil(timers_.Steady() + grace.count());
  for (Runner& runner : runners_) {
    if (!runner.in_handler || runner.work->delivery.settled()) continue;
    ++plan_->stats.abandoned;
    ++plan_->stats.returned;
    while (runner.work != nullptr && runner.work->extending) co_await changed_.Wait();
    if (runner.work == nullptr || !runner.in_handler) continue;
    leased_.erase(runner.work);
    Delivery& delivery = runner.work->delivery;
    Status back;
    if (runner.work->due > 0) {
      back = co_await delivery.PutBack(milliseconds(0));
    } else {
      back = co_await delivery.Nack();
    }
    if (!back) ++plan_->stats.unsettled;
  }
}

}  // namespace tidings::messaging
