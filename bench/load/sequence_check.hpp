// Proves that a connection got the numbers from `next` on exactly once and in order, or counts what is wrong.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tidings::bench {

// What all checks of one kind have found.
struct Tally {
  std::uint64_t distinct = 0;   // accepted for the first time
  std::uint64_t doubled = 0;
  std::uint64_t reordered = 0;  // came after a higher number
  std::uint64_t strange = 0;    // no number that a server could have reached
  std::uint64_t lost = 0;       // counted by SequenceCheck::Finish
};

class SequenceCheck {
 public:
  explicit SequenceCheck(std::uint64_t next = 0) : next_(next) {}

  void Accept(std::uint64_t number, Tally& tally) {
    if (number == next_) {
      ++next_;
      ++tally.distinct;
      return;
    }
    AcceptOutOfOrder(number, tally);
  }

  // Counts what is missing of the numbers below `end` as lost.
  void Finish(std::uint64_t end, Tally& tally) const {
    tally.lost += missing_.size() + (end > next_ ? end - next_ : 0);
  }

  std::uint64_t next() const { return next_; }

 private:
  void AcceptOutOfOrder(std::uint64_t number, Tally& tally) {
    constexpr std::uint64_t kLargestGap = 1 << 20;
    if (number > next_ + kLargestGap) {
      ++tally.strange;
    } else if (number > next_) {
      while (next_ < number) missing_.push_back(next_++);
      ++next_;
      ++tally.distinct;
    } else if (const auto found = std::ranges::find(missing_, number); found != missing_.end()) {
      missing_.erase(found);
      ++tally.reordered;
      ++tally.distinct;
    } else {
      ++tally.doubled;
    }
  }

  std::uint64_t next_;
  std::vector<std::uint64_t> missing_;
};

}  // namespace tidings::bench
