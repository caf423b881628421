#include <tidings/net/chat/typing_board.hpp>

namespace tidings::net {

namespace {

constexpr Millis kTypingInterval = 2'000;
constexpr Millis kTypingEnds = 6'000;

}  // namespace

void TypingBoard::Say(Typist who, bool active, Millis now) {
  const std::pair key{who.room, who.user};
  const auto found = states_.find(key);
  if (found == states_.end() && !active) return;
  State& state =
      found == states_.end() ? states_.emplace(key, State{.who = std::move(who)}).first->second : found->second;
  state.active = active;
  // Who goes on typing is told again, for those who have come since; but not late.
  state.due = active != state.told || (active && now >= state.next);
  if (active) state.ends = now + kTypingEnds;
  TellIfDue(state, now);
}

void TypingBoard::OnTick(Millis now) {
  for (auto entry = states_.begin(); entry != states_.end();) {
    State& state = entry->second;
    if (state.active && now >= state.ends) {
      state.active = false;
      state.due = state.told;
    }
    TellIfDue(state, now);
    if (!state.active && !state.told && now >= state.next) {
      entry = states_.erase(entry);
    } else {
      ++entry;
    }
  }
}

void TypingBoard::TellIfDue(State& state, Millis now) {
  if (!state.due || now < state.next) return;
  state.due = false;
  if (!tell_(state.who, state.active)) {
    // As if it had not been said.
    state.active = state.told;
    return;
  }
  state.told = state.active;
  state.next = now + kTypingInterval;
}

}  // namespace tidings::net
