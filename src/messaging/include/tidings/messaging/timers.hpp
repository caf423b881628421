// Timers: time that tests hold. SystemTimers are a process's own; VirtualTimers stand still until they are moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <tidings/base/clock.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::messaging {

// An alarm that was set; dropping it takes it back. It may outlive its Timers.
class Alarm {
 public:
  class Setting {
   public:
    virtual ~Setting() = default;
  };
  Alarm() = default;
  explicit Alarm(std::unique_ptr<Setting> setting) : setting_(std::move(setting)) {}
  void Cancel() { setting_.reset(); }

 private:
  std::unique_ptr<Setting> setting_;
};

class Timers {
 public:
  virtual ~Timers() = default;
  virtual const Clock& clock() const = 0;
  // Calls `ring` once, on the executor, when `after` is over (at the earliest on its next turn).
  virtual Alarm Set(std::chrono::milliseconds after, std::move_only_function<void()> ring) = 0;
  // Cancellable: throws boost::system::system_error (operation_aborted), so that nobody goes on as if time had passed.
  Task<void> Sleep(std::chrono::milliseconds duration);

  Millis Now() const { return clock().Now(); }
  Millis Steady() const { return clock().Steady(); }
};

class SystemTimers final : public Timers {
 public:
  explicit SystemTimers(Executor executor) : executor_(std::move(executor)) {}
  const Clock& clock() const override { return clock_; }
  Alarm Set(std::chrono::milliseconds after, std::move_only_function<void()> ring) override;

 private:
  Executor executor_;
  SystemClock clock_;
};

class VirtualTimers final : public Timers {
 public:
  VirtualTimers();
  const Clock& clock() const override { return clock_; }
  Alarm Set(std::chrono::milliseconds after, std::move_only_function<void()> ring) override;
  // Moves on, ringing what is due in order of its time.
  void Advance(std::chrono::milliseconds by);
  // When the next alarm is due; nothing if none is set.
  std::optional<std::chrono::milliseconds> Next() const;
  FakeClock& fake_clock() { return clock_; }

 private:
  class Entry;
  using Pending = std::map<std::pair<Millis, std::uint64_t>, std::move_only_function<void()>>;
  FakeClock clock_;
  std::shared_ptr<Pending> pending_;
  std::uint64_t count_ = 0;
};

}  // namespace tidings::messaging
