// Timers by the thousand: a hashed wheel, where arming and disarming take a few nanoseconds and idle ones nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include <tidings/base/clock.hpp>

namespace tidings::realtime {

class TimerWheel;

// Something that is due once. Destroying it disarms it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { Disarm(); }

  void Disarm();
  bool armed() const { return next_ != nullptr; }
  // When it is, or was last, due.
  Millis deadline() const { return deadline_; }

 protected:
  // Due. The timer is disarmed already and may be armed again or destroyed from within.
  virtual void OnTimer() = 0;

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  Millis deadline_ = 0;
};

// A timer that calls a function.
class FunctionTimer final : public Timer {
 public:
  explicit FunctionTimer(std::move_only_function<void()> due) : due_(std::move(due)) {}

 private:
  void OnTimer() override { due_(); }
  std::move_only_function<void()> due_;
};

// Driven by its loop, single-threaded. Times are those of Clock::Steady. Fires never early, and late by up to 16 ms
// plus what the loop is late.
class TimerWheel {
 public:
  explicit TimerWheel(Millis now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  // Disarms what is left.
  ~TimerWheel();

  // Arms, or moves, the timer. REQUIRES: the timer is destroyed or disarmed before the wheel.
  void Arm(Timer& timer, Millis deadline);
  // Fires what is due.
  void Advance(Millis now);
  // When Advance should be called next at the latest; it may then find nothing. Nothing if no timer is armed.
  std::optional<Millis> NextDeadline() const;

 private:
  static constexpr Millis kTick = 16;
  static constexpr std::size_t kSlots = 512;

  // The head of a circular list.
  class Head final : public Timer {
    void OnTimer() override {}
  };
  static void Link(Timer& head, Timer& timer);

  std::array<Head, kSlots> slots_;
  std::array<std::uint64_t, kSlots / 64> occupied_{};  // may say so of a slot that is empty by now
  Millis tick_;                                        // all before it are done
};

}  // namespace tidings::realtime
