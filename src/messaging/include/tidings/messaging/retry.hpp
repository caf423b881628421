// Retry: how often a message that failed is tried again, and when.
//
//   router.Subscribe("orders", Retry().Immediate(2).Delayed(5s, 30s, 5min), handler);   // 6 tries, then dead
//   router.Subscribe("mails", Retry().BackOff(1s, 2.0, 10min, 12), handler);            // 1 s, 2 s, 4 s … 10 min
//
// The count is the message's own header (header::kFailures): it goes on after a restart and on another consumer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace tidings::messaging {

class HandlerSettings;

// The default is two immediate retries: three tries in all.
class Retry {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Retry() : delays_(2) {}
  static Retry Never() { return Retry().Immediate(0); }

  // So many retries at once, in place of the default two.
  Retry& Immediate(std::uint32_t times);
  // After them, one retry after each of these delays.
  template <class... Delays>
  Retry& Delayed(Delays... delays) {
    Default();
    (delays_.push_back(std::chrono::duration_cast<Milliseconds>(delays)), ...);
    return *this;
  }
  // After them, so many retries with a delay that starts at `first` and grows by `factor` up to `most`.
  Retry& BackOff(Milliseconds first, double factor, Milliseconds most, std::uint32_t times);
  // Each delay is longer by up to this share of it, at random, so that what failed together is not tried together: 0.2
  // at the start, 0 for none. `random` gives numbers from 0 up to 1; the kernel's generator if it is null.
  Retry& Jitter(double share, std::function<double()> random = nullptr);

  // Tries in all.
  std::uint32_t tries() const { return static_cast<std::uint32_t>(delays_.size()) + 1; }
  // How long to wait after `attempt` (from 1) failed; nothing if that was the last one.
  std::optional<Milliseconds> After(std::uint32_t attempt) const;
  // All delays together, each with its whole jitter.
  Milliseconds Longest() const;

  void AddTo(HandlerSettings& settings) const;

 private:
  // A schedule that is only delays has no immediate retries.
  void Default() {
    if (!stated_) delays_.clear();
    stated_ = true;
  }

  std::vector<Milliseconds> delays_;
  bool stated_ = false;
  double jitter_ = 0.2;
  std::function<double()> random_;
};

}  // namespace tidings::messaging
