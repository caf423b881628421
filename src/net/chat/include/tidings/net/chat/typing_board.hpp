// TypingBoard: who types where, and when the others are told of it. No I/O; time comes from the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <tidings/base/clock.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::net {

// Of a user in a room the others are told at most once in 2 s, newest wins, and the last state always: late, if it came
// too early. Who says nothing for 6 s types no more. That typing ended is told only where it was told that it began.
class TypingBoard {
 public:
  struct Typist {
    chat::RoomKey room = 0;
    chat::UserKey user = 0;
    std::string room_id;
    std::string user_id;
  };
  // Tells the others; false if they are not to be told (it is asked only where typing begins or goes on).
  using Tell = std::move_only_function<bool(const Typist& who, bool active)>;

  explicit TypingBoard(Tell tell) : tell_(std::move(tell)) {}

  void Say(Typist who, bool active, Millis now);
  // Every 50 ms or so.
  void OnTick(Millis now);
  bool empty() const { return states_.empty(); }

 private:
  struct State {
    Typist who;
    bool active = false;
    bool told = false;  // as active
    bool due = false;   // the others are to be told the state, be it the one that they know
    Millis next = 0;    // not before
    Millis ends = 0;    // of typing
  };

  void TellIfDue(State& state, Millis now);

  Tell tell_;
  std::map<std::pair<chat::RoomKey, chat::UserKey>, State> states_;
};

}  // namespace tidings::net
