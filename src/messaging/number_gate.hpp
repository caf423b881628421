// NumberGate: lets messages pass in the order of their numbers, each sequence for itself, and keeps those that come early.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/messaging/numbering.hpp>

namespace tidings::messaging {

// Who bounds the number of messages in hand bounds what it keeps. Of sequences it remembers those in which something is early
// or missing, and up to kMostIdle others: where a position is not known here, Learn tells it.
template <class Work>
class NumberGate {
 public:
  using Works = std::vector<Work>;
  static constexpr std::size_t kMostIdle = 65'536;

  class Passed {
   public:
    std::string sequence;
    std::uint64_t first = 0;  // of those who may go on now
    std::uint64_t missed = 0;
    bool unknown = false;     // nothing had been known of the sequence
    Works works;
  };

  // How long a sequence waits for what is missing; and one of which nothing is known, for what may come before its first.
  NumberGate(std::chrono::milliseconds gap, std::chrono::milliseconds look) : gap_(gap), look_(look) {}

  // Whether a message of this place would go on at once.
  bool Open(const SequencePlace& place) const {
    const auto found = sequences_.find(place.sequence());
    return found != sequences_.end() && found->second.position && place.after() <= *found->second.position;
  }
  // Whether it comes behind a later one of its sequence.
  bool Late(const SequencePlace& place) const {
    const auto found = sequences_.find(place.sequence());
    return found != sequences_.end() && found->second.position && place.number() <= *found->second.position;
  }
  // What the inbox knows of a sequence. Who waited for it goes on, in order.
  Works Learn(const std::string& sequence, std::uint64_t position, Millis now) {
    Sequence& state = Of(sequence, now);
    if (state.position && *state.position >= position) return Works();
    state.position = position;
    state.due = 0;
    return Release(sequence, state, now);
  }
  // Those who may go on now, the work among them unless it is kept.
  Works Enter(Work work, const SequencePlace& place, Millis now) {
    Sequence& state = Of(place.sequence(), now);
    Works go_on;
    if (place.after() <= state.position.value_or(0)) {
      const bool forward = !state.position || place.number() > *state.position;
      go_on.push_back(std::move(work));
      if (!forward) return go_on;
      state.position = place.number();
      state.due = 0;
      for (Work& next : Release(place.sequence(), state, now)) go_on.push_back(std::move(next));
      return go_on;
    }
    if (!state.lowest || place.number() < state.lowest->first) state.lowest = {place.number(), place.after()};
    state.early.emplace(place.number(), Early(std::move(work), place.after(), ++arrivals_));
    ++early_;
    waiting_.insert(place.sequence());
    if (state.due == 0) state.due = now + (state.position ? gap_ : look_).count();
    return go_on;
  }
  // The next sequence whose time is over goes on over what it waited for; nothing if there is none.
  std::optional<Passed> PassOver(Millis now) {
    for (const std::string& name : waiting_) {
      Sequence& state = sequences_.at(name);
      if (state.due > now) continue;
      Passed passed;
      passed.sequence = name;
      const auto [first, after] = *state.lowest;
      passed.first = first;
      passed.unknown = !state.position;
      const std::uint64_t position = state.position.value_or(0);
      // Of numbers with holes, and of those before the first that is known, nobody knows how many were between.
      if (after > position) passed.missed = state.position && after + 1 == first ? after - position : 1;
      state.position = std::max(position, after);
      state.due = 0;
      // If it was given back it has its own time to come again; if it does not, those in hand go on.
      state.lowest = Lowest(state);
      passed.works = Release(passed.sequence, state, now);
      return passed;
    }
    return std::nullopt;
  }
  // Takes out all who are early, as they came.
  Works TakeEarly() {
    std::map<std::uint64_t, Work> as_they_came;
    for (const std::string& name : waiting_) {
      Sequence& state = sequences_.at(name);
      for (auto& [number, early] : state.early) as_they_came.emplace(early.arrival, std::move(early.work));
      state.early.clear();
    }
    waiting_.clear();
    early_ = 0;
    Works all;
    for (auto& [arrival, work] : as_they_came) all.push_back(std::move(work));
    return all;
  }
  // Sequences in which somebody is early.
  const std::set<std::string>& waiting() const { return waiting_; }
  std::size_t early() const { return early_; }

 private:
  class Early {
   public:
    Early(Work work_, std::uint64_t after_, std::uint64_t arrival_)
        : work(std::move(work_)), after(after_), arrival(arrival_) {}
    Work work;
    std::uint64_t after;
    std::uint64_t arrival;
  };
  using Number = std::pair<std::uint64_t, std::uint64_t>;  // and the one before it
  class Sequence {
   public:
    std::optional<std::uint64_t> position;  // as far as they went on
    std::multimap<std::uint64_t, Early> early;
    std::optional<Number> lowest;           // that came early, in hand or given back
    Millis due = 0;                         // when what is missing is passed over; 0: nothing is
  };

  Sequence& Of(const std::string& sequence, Millis now) {
    const auto found = sequences_.find(sequence);
    if (found != sequences_.end()) return found->second;
    if (sequences_.size() >= kMostIdle) {
      std::erase_if(sequences_,
                    [now](const auto& each) { return each.second.early.empty() && each.second.due <= now; });
    }
    return sequences_[sequence];
  }
  static std::optional<Number> Lowest(const Sequence& state) {
    if (state.early.empty()) return std::nullopt;
    return Number(state.early.begin()->first, state.early.begin()->second.after);
  }
  Works Release(const std::string& sequence, Sequence& state, Millis now) {
    Works go_on;
    while (!state.early.empty() && state.early.begin()->second.after <= *state.position) {
      const auto first = state.early.begin();
      state.position = std::max(*state.position, first->first);
      go_on.push_back(std::move(first->second.work));
      state.early.erase(first);
      --early_;
    }
    if (state.lowest && state.lowest->first <= *state.position) state.lowest = Lowest(state);
    if (state.early.empty()) {
      waiting_.erase(sequence);
    } else {
      state.due = now + gap_.count();
    }
    return go_on;
  }

  std::chrono::milliseconds gap_;
  std::chrono::milliseconds look_;
  std::unordered_map<std::string, Sequence> sequences_;
  std::set<std::string> waiting_;  // sequences in which somebody is early
  std::size_t early_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace tidings::messaging
