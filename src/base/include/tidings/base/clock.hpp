// Time comes from a Clock that tests hold.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidings {

// Milliseconds since 1970-01-01T00:00:00Z.
using Millis = std::int64_t;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock: a label for people and for tokens, never an order. It may jump.
  virtual Millis Now() const = 0;
  // Milliseconds from some start; never goes back. For deadlines and intervals.
  virtual Millis Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  Millis Now() const override;
  Millis Steady() const override;
};

// Stands still until it is moved. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Millis now = 1'700'000'000'000) : now_(now) {}
  Millis Now() const override { return now_.load(); }
  Millis Steady() const override { return steady_.load(); }
  void Advance(std::chrono::milliseconds by) {
    now_ += by.count();
    steady_ += by.count();
  }
  // Moves the wall clock alone, as an administrator or NTP does.
  void JumpWall(std::chrono::milliseconds by) { now_ += by.count(); }

 private:
  std::atomic<Millis> now_;
  std::atomic<Millis> steady_{1'000'000};
};

// RFC 3339 UTC with milliseconds: 2026-11-24T01:02:03.004Z. Years 1970 to 9999.
std::string FormatTime(Millis at);
// Appends the 24 characters of FormatTime.
void AppendTime(std::string& out, Millis at);
// Reads what FormatTime writes; nothing else.
std::optional<Millis> ParseTime(std::string_view text);

}  // namespace tidings
