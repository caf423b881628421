// How a Consumption keeps the order of numbers.
#include <algorithm>
#include <utility>

#include <tidings/base/log.hpp>
#include <tidings/messaging/numbering.hpp>

#include "consumption.hpp"
#include "number_order.hpp"

namespace tidings::messaging {

using std::chrono::milliseconds;

namespace {

// How often one who waits looks whether another consumer has handled what it waits for.
constexpr milliseconds kLook{50};
// After one round in which early ones were given back: how long they stay away, so that others come forward.
constexpr milliseconds kAway{1'000};
constexpr std::uint32_t kMostDoublings = 3;
// So long after one round the next is the first of others.
constexpr milliseconds kRoundsEnd = 4 * kAway * (1 << kMostDoublings);

}  // namespace

milliseconds Consumption::LongestGap() const {
  const HandlerSettings& settings = plan_->settings;
  const milliseconds gap = settings.number_order->bounds().gap;
  const milliseconds lease = transport_.capabilities().leases ? settings.lease : milliseconds(0);
  const milliseconds retries = settings.retry.Longest();
  // One that a stop interrupted is the broker's to delay, and some round up.
  return std::max(gap, lease) + retries + retries / 3;
}

Task<void> Consumption::EnterInOrder(WorkPtr work) {
  const auto place = SequencePlace::Of(work->delivery.message());
  if (!place) {
    EnterLane(std::move(work));
    co_return;
  }
  // Another consumer may have come further than is known here.
  if (!gate_->Open(*place)) co_await LearnPosition(place->sequence());
  if (place_.stopping || (halted_ && !gate_->Open(*place))) {
    co_await GiveBack(std::move(work));
    co_return;
  }
  work->late = gate_->Late(*place);
  const bool waited_before = gate_->early() > 0;
  Works go_on = gate_->Enter(std::move(work), *place, timers_.Steady());
  if (!go_on.empty()) {
    EnterLane(std::move(go_on.front()));
    go_on.erase(go_on.begin());
    LetOn(std::move(go_on));
  }
  if (!waited_before && gate_->early() > 0) changed_.NotifyAll();
}

Task<bool> Consumption::LearnPosition(std::string sequence) {
  const auto position = co_await plan_->settings.number_order->Position(place_.consumer, sequence);
  if (!position) {
    if (!std::exchange(inbox_silent_, true))
      log::Warning("an inbox does not say how far a key is handled; its messages wait",
                   {{"handler", place_.consumer}, {"error", position.error().message()}});
    co_return false;
  }
  inbox_silent_ = false;
  if (!*position) co_return true;
  LetOn(gate_->Learn(sequence, **position, timers_.Steady()));
  co_return true;
}

void Consumption::LetOn(Works works) {
  // As long as others wait on they may have to make room again.
  if (!works.empty() && gate_->early() == 0) rounds_ = 0;
  for (WorkPtr& work : works) EnterLane(std::move(work));
}

Task<void> Consumption::KeepOrder(std::shared_ptr<Consumption> self) {
  while (self->running_ > 0 && !self->stopped_) {
    if (self->gate_->early() == 0 || self->halted_) {
      self->no_room_since_ = 0;
      co_await self->changed_.Wait();
      continue;
    }
    const Millis next = self->timers_.Steady() + kLook.count();
    for (Millis left = kLook.count(); left > 0 && !self->halted_; left = next - self->timers_.Steady()) {
      co_await self->changed_.WaitFor(self->timers_, milliseconds(left));
    }
    if (self->halted_) continue;
    co_await self->LookForOthers();
    if (!self->halted_) co_await self->MakeRoom();
    if (!self->ready_.empty()) self->WakeOne();
  }
}

Task<void> Consumption::LookForOthers() {
  const std::vector<std::string> waiting(gate_->waiting().begin(), gate_->waiting().end());
  for (const std::string& sequence : waiting) {
    // Whoever does not know what was handled passes nothing over.
    if (!co_await LearnPosition(sequence) || halted_) co_return;
  }
  PassOverGaps();
}

void Consumption::PassOverGaps() {
  while (auto passed = gate_->PassOver(timers_.Steady())) {
    if (passed->missed > 0) {
      plan_->settings.number_order->CountMissed(plan_->queue, passed->missed);
      log::Warning(passed->unknown
                       ? "the first messages of a key are missing, or older than is known; the later ones go on"
                       : "messages of a key are missing; the later ones go on without them",
                   {{"queue", plan_->queue},
                    {"handler", place_.consumer},
                    {"key", SequencePlace::KeyOf(passed->sequence)},
                    {"before", passed->first},
                    {"missed", passed->missed}});
    }
    LetOn(std::move(passed->works));
  }
}

Task<void> Consumption::MakeRoom() {
  if (gate_->early() < plan_->settings.Prefetch()) {
    no_room_since_ = 0;
    co_return;
  }
  const Millis now = timers_.Steady();
  if (no_room_since_ == 0) no_room_since_ = now;
  if (now - no_room_since_ < kLook.count()) co_return;
  no_room_since_ = 0;
  if (now - gave_back_at_ > kRoundsEnd.count()) rounds_ = 0;
  gave_back_at_ = now;
  const milliseconds away = rounds_ == 0 ? milliseconds(0) : kAway * (1 << std::min(rounds_ - 1, kMostDoublings));
  ++rounds_;
  ++plan_->settings.number_order->given_back;
  co_await GiveBackEarly(away);
}

Task<void> Consumption::GiveBackEarly(milliseconds away) {
  Works early = gate_->TakeEarly();
  ++giving_back_;
  for (WorkPtr& work : early) {
    milliseconds delay = away;
    // As it is it counts against the delivery limit of some brokers' queues. A copy does not, but lies behind all others.
    if (work->delivery.deliveries() > 1) delay = std::max(delay, kAway);
    if (!transport_.capabilities().delay) delay = milliseconds(0);
    co_await GiveBack(std::move(work), delay);
  }
  --giving_back_;
  changed_.NotifyAll();
}

Task<Status> Consumption::PassBy(const Message& message) {
  const auto place = SequencePlace::Of(message);
  if (!place) co_return Status();
  Status passed =
      co_await plan_->settings.number_order->PassBy(place_.consumer, place->sequence(), place->number(), timers_.Now());
  if (!passed) {
    // Those behind it wait for it after a restart, once.
    log::Warning("an inbox did not take that a message was buried",
                 {{"handler", place_.consumer}, {"id", message.id}, {"error", passed.error().message()}});
  }
  co_return Status();
}

}  // namespace tidings::messaging
