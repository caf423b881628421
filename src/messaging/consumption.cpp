#include "consumption.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>

#include <tidings/base/log.hpp>

#include "number_order.hpp"

namespace tidings::messaging {

namespace asio = boost::asio;
using std::chrono::milliseconds;

Consumption::Consumption(Transport& transport, Timers& timers, std::shared_ptr<Plan> plan)
    : transport_(transport),
      timers_(timers),
      plan_(std::move(plan)),
      place_(plan_->settings.name, transport, timers, plan_->chain),
      idle_(transport.executor()),
      changed_(transport.executor()) {
  if (const auto& order = plan_->settings.number_order) {
    const milliseconds gap = LongestGap();
    gate_.emplace(gap, order->bounds().look.value_or(gap));
  }
}

Task<Status> Consumption::Open() {
  ConsumeOptions options(plan_->settings.Prefetch());
  options.lease = plan_->settings.lease;
  auto consumer = co_await transport_.Consume(plan_->queue, options);
  if (!consumer) co_return std::unexpected(consumer.error().Within("handler " + plan_->settings.name));
  consumer_ = std::move(*consumer);
  co_return Status();
}

void Consumption::Begin() {
  keeps_leases_ = transport_.capabilities().leases;
  const std::size_t count = plan_->settings.concurrency + std::size_t{1};
  running_ = count;
  for (std::size_t i = 0; i < count; ++i) {
    Runner& runner = runners_.emplace_back();
    // Asio clears the slot once more after Run has ended: its signal, which is the runner's, lives until then.
    asio::co_spawn(
        transport_.executor(), Run(shared_from_this(), runner),
        asio::bind_cancellation_slot(runner.cancel.slot(), [self = shared_from_this()](const std::exception_ptr&) {}));
  }
  if (keeps_leases_) asio::co_spawn(transport_.executor(), KeepLeases(shared_from_this()), asio::detached);
  if (!gate_) return;
  if (const milliseconds gap = LongestGap(); gap > plan_->settings.number_order->bounds().gap) {
    log::Info("messages of a key wait longer than the gap they were given, for one that is missing may be tried again",
              {{"handler", place_.consumer}, {"gap_ms", gap.count()}});
  }
  asio::co_spawn(transport_.executor(), KeepOrder(shared_from_this()), asio::detached);
}

Task<void> Consumption::Run(std::shared_ptr<Consumption> self, Runner& runner) {
  while (!self->place_.stopping) {
    if (self->MayHandle()) {
      WorkPtr work = std::move(self->ready_.front());
      self->ready_.pop_front();
      co_await self->Handle(runner, std::move(work));
    } else if (self->MayFetch()) {
      self->fetching_ = true;
      co_await self->Fetch();
      self->fetching_ = false;
      if (self->halted_) self->changed_.NotifyAll();
    } else {
      co_await self->idle_.Wait();
      self->waking_ = false;
    }
  }
  --self->running_;
  self->changed_.NotifyAll();
}

Task<void> Consumption::Fetch() {
  auto next = co_await consumer_->Next();
  if (!next) {
    ended_ = true;
    if (!halted_) {
      log::Err("a queue gives out no more messages; start the router again when it is back",
               {{"queue", plan_->queue}, {"handler", place_.consumer}, {"error", next.error().message()}});
    }
    co_return;
  }
  if (place_.stopping) {
    ++plan_->stats.returned;
    if (Status back = co_await next->Nack(); !back) ++plan_->stats.unsettled;
    co_return;
  }
  auto work = std::make_unique<Work>(std::move(*next));
  if (keeps_leases_) leased_.insert(work.get());
  if (plan_->settings.key_of) work->key = plan_->settings.key_of(work->delivery.message());
  if (gate_) {
    co_await EnterInOrder(std::move(work));
  } else {
    EnterLane(std::move(work));
  }
}

void Consumption::EnterLane(WorkPtr work) {
  const std::string key = work->key;
  work = lanes_.Enter(key, std::move(work));
  if (work) ready_.push_back(std::move(work));
}

Task<void> Consumption::Handle(Runner& runner, WorkPtr work) {
  ++handling_;
  runner.work = work.get();
  if (MayHandle() || MayFetch()) WakeOne();
  Context context(work->delivery, place_);
  context.set_late(work->late);
  Verdict verdict = Verdict::Done();
  runner.in_handler = true;
  try {
    verdict = co_await Next(plan_->chain, plan_->handler)(context);
  } catch (const std::exception& thrown) {
    verdict = Verdict::Failed(Error(ErrorCode::kInternal, std::string("a middleware threw: ") + thrown.what()));
  } catch (...) {
    verdict = Verdict::Failed(Error(ErrorCode::kInternal, "a middleware threw something that is no std::exception"));
  }
  runner.in_handler = false;
  if (runner.cancelled) {
    co_await asio::this_coro::reset_cancellation_state();
    if (verdict.failure()) verdict = Verdict::Return();
  }
  // Stop settles what it leaves to itself.
  if (!work->delivery.settled()) {
    bool kept = false;
    try {
      if (verdict.done() && context.has_outgoing()) {
        Status sent = co_await context.Flush();
        if (!sent) verdict = Verdict::Failed(std::move(sent.error()));
      }
      verdict = Decide(*work, std::move(verdict));
      kept = co_await Settle(*work, verdict);
      for (const auto& middleware : plan_->chain) middleware->Settled(context, verdict);
    } catch (const std::exception& thrown) {
      ++plan_->stats.unsettled;
      log::Err("settling a message threw",
               {{"queue", plan_->queue}, {"id", work->delivery.message().id}, {"error", thrown.what()}});
    }
    if (kept) {
      Hold(std::move(work), verdict.delay());
    } else {
      Leave(*work);
    }
  }
  runner.work = nullptr;
  --handling_;
  if (halted_) changed_.NotifyAll();
}

Verdict Consumption::Decide(const Work& work, Verdict verdict) const {
  if (verdict.kind() != Verdict::Kind::kFailed) return verdict;
  const auto delay = plan_->settings.retry.After(work.delivery.attempt());
  if (delay) return Verdict::Retry(verdict.error(), *delay);
  return Verdict::Bury(DeathReason::kFailed, verdict.error());
}

Task<bool> Consumption::Settle(Work& work, const Verdict& verdict) {
  RouterStats& stats = plan_->stats;
  Delivery& delivery = work.delivery;
  while (work.extending) co_await changed_.Wait();
  // The order of a key ends where its message leaves this hand; and where the transport knows no delays, this is where
  // they are waited for.
  const bool in_hand = !work.key.empty() || (verdict.delay().count() > 0 && !transport_.capabilities().delay);
  Status settled;
  switch (verdict.kind()) {
    case Verdict::Kind::kDone:
      settled = co_await delivery.Ack();
      if (settled) ++stats.done;
      break;
    case Verdict::Kind::kFailed:
    case Verdict::Kind::kRetry:
      ++stats.retried;
      delivery.CountFailure(verdict.error().message(), timers_.Now());
      if (in_hand && !place_.stopping) co_return true;
      settled = co_await delivery.PutBack(verdict.delay());
      break;
    case Verdict::Kind::kBury:
      settled = co_await Bury(delivery, verdict);
      if (!settled) break;
      ++stats.buried;
      if (gate_) settled = co_await PassBy(delivery.message());
      break;
    case Verdict::Kind::kReturn:
      ++stats.returned;
      if (in_hand && !place_.stopping) co_return true;
      // What was counted in hand is kept with the message.
      if (verdict.delay().count() > 0 || work.due > 0) {
        settled = co_await delivery.PutBack(verdict.delay());
      } else {
        settled = co_await delivery.Nack();
      }
      break;
  }
  if (!settled) {
    ++stats.unsettled;
    log::Warning("a message could not be settled and will come again",
                 {{"queue", plan_->queue}, {"id", delivery.message().id}, {"error", settled.error().message()}});
  }
  co_return false;
}

Task<Status> Consumption::Bury(Delivery& delivery, const Verdict& verdict) {
  const std::string& queue = plan_->settings.dead_letters;
  const std::string& error = verdict.error().message();
  if (queue.empty()) co_return co_await delivery.Bury(verdict.reason(), error, timers_.Now());
  Message letter = delivery.message();
  MarkDead(letter, verdict.reason(), error, delivery.queue(), timers_.Now());
  Address to = Address::Queue(queue);
  auto published = co_await transport_.Publish(std::move(to), std::move(letter), PublishOptions());
  if (published) co_return co_await delivery.Ack();
  // Not lost, and not in a loop: it comes again after a while, and is buried then.
  Status back = co_await delivery.PutBack(std::chrono::seconds(1));
  if (!back) co_return back;
  co_return std::unexpected(published.error().Within("dead letters of " + delivery.queue() + " to " + queue));
}

void Consumption::Hold(WorkPtr work, milliseconds delay) {
  Work* const held = work.get();
  held->due = timers_.Steady() + delay.count();
  if (delay.count() <= 0) return Ready(std::move(work));
  held_.push_back(std::move(work));
  held->alarm = timers_.Set(delay, [this, held] {
    const auto found = std::ranges::find(held_, held, &WorkPtr::get);
    WorkPtr due = std::move(*found);
    held_.erase(found);
    Ready(std::move(due));
  });
}

void Consumption::Leave(const Work& work) {
  if (keeps_leases_) leased_.erase(const_cast<Work*>(&work));
  if (work.key.empty() || place_.stopping) return;
  if (WorkPtr next = lanes_.Leave(work.key)) ready_.push_back(std::move(next));
}

void Consumption::Ready(WorkPtr work) {
  ready_.push_back(std::move(work));
  WakeOne();
}

// One at a time: whoever wakes up wakes the next one where there is more to do.
void Consumption::WakeOne() {
  if (waking_ || !idle_.waited_for()) return;
  waking_ = true;
  idle_.NotifyOne();
}

Task<void> Consumption::KeepLeases(std::shared_ptr<Consumption> self) {
  const auto pause = std::max(self->plan_->settings.lease / 3, milliseconds(1));
  Millis next = self->timers_.Steady() + pause.count();
  while (self->running_ > 0 && !self->stopped_) {
    const Millis left = next - self->timers_.Steady();
    if (left > 0) {
      co_await self->changed_.WaitFor(self->timers_, milliseconds(left));
      continue;
    }
    next = self->timers_.Steady() + pause.count();
    const std::vector<Work*> all(self->leased_.begin(), self->leased_.end());
    for (Work* const work : all) {
      if (!self->leased_.contains(work) || work->delivery.settled()) continue;
      work->extending = true;
      co_await work->delivery.Extend();
      work->extending = false;
      self->changed_.NotifyAll();
    }
  }
}

}  // namespace tidings::messaging
