// ReadGatherer: the read positions of many sockets, gathered for the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/chat/engine.hpp>

namespace tidings::net {

// In a large room a thousand members read a message at once, and none of them waits for an answer. Written one by one they
// would cost more than the message itself; gathered, a member who reads five messages in a second costs one row. Few
// positions go on with the next tick, many when the oldest has waited a second, those with an answer at once. What is
// gathered is lost if the process is killed: nobody was told that it is kept.
//
// One thread.
class ReadGatherer {
 public:
  // Positions that wait, and for how long at most.
  static constexpr std::size_t kFew = 64;
  static constexpr std::size_t kMost = 4'096;
  static constexpr Millis kLongest = 1'000;
  // Positions in a unit of a commit.
  static constexpr std::size_t kAtOnce = 512;

  // Where a socket's last position waits; a part of the socket.
  struct Place {
    std::uint64_t batch = 0;
    std::size_t index = 0;
    bool others = false;  // of other rooms wait too
  };

  using HandOver = std::function<void(std::vector<chat::ReadMark>)>;
  explicit ReadGatherer(HandOver hand_over) : hand_over_(std::move(hand_over)) {}

  // A mark without an answer waits; one with an answer goes with the next Flush, after what its socket has waiting.
  void Add(Place& place, chat::ReadMark mark, Millis now);
  // Hands over what a socket has waiting: before it does something else, and when it goes.
  void HandOverOf(Place& place);
  // Hands over those with an answer.
  void FlushAsked();
  void FlushAll();
  void OnTick(Millis now);

 private:
  void Hurry(Place& place);
  void Submit(std::vector<chat::ReadMark> marks);

  HandOver hand_over_;
  std::vector<chat::ReadMark> waiting_;  // without a caller: taken out
  std::vector<chat::ReadMark> asked_;
  std::uint64_t batch_ = 1;              // that waiting_ will be
  Millis since_ = 0;                     // of the oldest in waiting_
};

}  // namespace tidings::net
