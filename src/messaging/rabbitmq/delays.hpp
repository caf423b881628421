// Delays: messages that wait. RabbitMQ 3.10 has none of its own, so each tier of delay is a queue without consumers whose
// messages expire into the queue that they are for.
//
// A message's own time to live would not do: it is only looked at at the head of a queue, so a long one holds up short ones.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "declarer.hpp"
#include "link.hpp"

namespace tidings::messaging::rabbitmq {

// The tier that a delay belongs to: the next of 1, 1.25, 1.6, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten of milliseconds,
// at least 10 ms. A message comes up to a third of its delay late, never early.
std::chrono::milliseconds TierOf(std::chrono::milliseconds delay);
// `<queue>.retry.<ms>`.
std::string DelayQueue(std::string_view queue, std::chrono::milliseconds tier);
QueueArguments DelayArguments(const std::string& queue, std::chrono::milliseconds tier, bool durable);

class Delays {
 public:
  Delays(Timers& timers, std::shared_ptr<Link> link) : timers_(timers), link_(std::move(link)) {}

  // The delay queue to publish to, there for longer than the message will wait in it: RabbitMQ drops an unused one after a
  // while, messages and all, and only declaring it counts as use.
  Task<Result<std::string>> Prepare(std::string queue, std::chrono::milliseconds delay, bool durable,
                                    std::chrono::milliseconds timeout);
  // Delay queues of `queue` that this process used.
  std::vector<std::string> Of(std::string_view queue) const;
  // They are there no more, or may not be.
  void Forget(std::string_view queue);

 private:
  class Use {
   public:
    std::string queue;
    Millis declared = 0;
    std::uint64_t connection = 0;
  };

  Timers& timers_;
  std::shared_ptr<Link> link_;
  std::map<std::string, Use, std::less<>> uses_;  // by delay queue
};

}  // namespace tidings::messaging::rabbitmq
