// ParkedReaders: readers of streams that nobody reads with now, for a call that reads on where the one before it ended. While
// they are here they ask for nothing more, and they are not here for long.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <tidings/messaging/timers.hpp>

#include "stream_reader.hpp"

namespace tidings::messaging::rabbitmq {

class ParkedReaders {
 public:
  static constexpr std::size_t kMost = 16;
  static constexpr std::chrono::milliseconds kFor{10'000};

  explicit ParkedReaders(Timers& timers) : timers_(timers) {}

  // One that stands at this place or a little before it; it is read on with up to there, as far as it has fetched that. Null if
  // there is none.
  std::shared_ptr<StreamReader> Take(const std::string& stream, std::uint64_t from);
  void Park(std::shared_ptr<StreamReader> reader);
  // Stops all of them.
  void Clear();
  std::size_t size() const { return parked_.size(); }

 private:
  class Parked {
   public:
    std::shared_ptr<StreamReader> reader;
    Millis until = 0;
  };

  void Drop();

  Timers& timers_;
  std::deque<Parked> parked_;  // the newest last
  Alarm alarm_;
};

}  // namespace tidings::messaging::rabbitmq
