#include <tidings/realtime/timer.hpp>

#include <algorithm>
#include <bit>

namespace tidings::realtime {

void Timer::Disarm() {
  if (next_ == nullptr) return;
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = previous_ = nullptr;
}

TimerWheel::TimerWheel(Millis now) : tick_(now / kTick) {
  for (Head& head : slots_) head.next_ = head.previous_ = &head;
}

TimerWheel::~TimerWheel() {
  for (Head& head : slots_) {
    while (head.next_ != &head) head.next_->Disarm();
  }
}

void TimerWheel::Link(Timer& head, Timer& timer) {
  timer.next_ = &head;
  timer.previous_ = head.previous_;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void TimerWheel::Arm(Timer& timer, Millis deadline) {
  timer.Disarm();
  timer.deadline_ = deadline;
  const Millis tick = std::max((deadline + kTick - 1) / kTick, tick_);
  const auto slot = static_cast<std::size_t>(tick) % kSlots;
  Link(slots_[slot], timer);
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::Advance(Millis now) {
  const Millis last = now / kTick;
  if (last < tick_) return;
  // After a long pause each slot is looked at once.
  const Millis first = std::max(tick_, last - static_cast<Millis>(kSlots) + 1);
  Head due;
  due.next_ = due.previous_ = &due;
  for (Millis tick = first; tick <= last; ++tick) {
    const auto slot = static_cast<std::size_t>(tick) % kSlots;
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if ((occupied_[slot / 64] & bit) == 0) continue;
    Head& head = slots_[slot];
    for (Timer* timer = head.next_; timer != &head;) {
      Timer* next = timer->next_;
      if (timer->deadline_ <= now) {
        timer->Disarm();
        Link(due, *timer);
      }
      timer = next;
    }
    if (head.next_ == &head) occupied_[slot / 64] &= ~bit;
  }
  // What fires may arm: from the next tick on, so that nothing fires twice in one call.
  tick_ = last + 1;
  while (due.next_ != &due) {
    Timer* timer = due.next_;
    timer->Disarm();
    timer->OnTimer();
  }
  due.next_ = due.previous_ = nullptr;
}

std::optional<Millis> TimerWheel::NextDeadline() const {
  const auto start = static_cast<std::size_t>(tick_) % kSlots;
  for (std::size_t ahead = 0; ahead < kSlots;) {
    const std::size_t slot = (start + ahead) % kSlots;
    const std::uint64_t rest = occupied_[slot / 64] >> (slot % 64);
    if (rest == 0) {
      ahead += 64 - slot % 64;
      continue;
    }
    ahead += static_cast<std::size_t>(std::countr_zero(rest));
    return (tick_ + static_cast<Millis>(ahead)) * kTick;
  }
  return std::nullopt;
}

}  // namespace tidings::realtime
