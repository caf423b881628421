// WorkerKind: what one kind of worker does, apart from where its events come from and who has which lane.
//
// Each event comes at least once, those of a room in their order: by their numbers where the kind says so (see by_number),
// else as the queue gives them, which is another order where an instance was killed. What a job writes through its LaneUnit is committed with the
// inbox, so that it is written once. What needs others (an HTTP server, a file) is noted in the lane's file first, and done
// from there beside the handling.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "lane_store.hpp"

namespace tidings::app {

// The header with an event's number in its room: 1, 2, 3 … without a hole.
inline constexpr std::string_view kNumberHeader = "seq";

// The room of an event, or the key of a piece.
std::string KeyOf(const messaging::Message& message);
// The lane that the key belongs to.
std::size_t LaneOf(std::string_view key, std::size_t lanes);

// What a lane gets of an event.
class LanePiece {
 public:
  LanePiece(std::size_t lane_, messaging::Message message_) : lane(lane_), message(std::move(message_)) {}
  std::size_t lane;
  messaging::Message message;
};

// Whether a piece was no use, so that no other try helps.
bool NoUse(const Status& handled);

// What is one lane's. Belongs to the lane's executor.
class LaneJob {
 public:
  virtual ~LaneJob() = default;
  // Checks the piece, and tells the unit what to write. kMalformed or kInvalid: the piece is no use, and goes to the dead
  // letters; any other error: it comes again.
  virtual Status Handle(const messaging::Message& piece, LaneUnit& unit) = 0;
  // Begins what is done beside; ends it. Nothing is handled after End began.
  virtual void Begin() = 0;
  virtual messaging::Task<void> End(std::chrono::milliseconds deadline) = 0;
};

// What a job stands on. All of it outlives the job.
class LaneGround {
 public:
  LaneGround(LaneStore& store_, messaging::Transport& transport_, messaging::Timers& timers_, std::string queue_)
      : store(store_),
        transport(transport_),
        timers(timers_),
        executor(transport_.executor()),
        queue(std::move(queue_)) {}
  LaneStore& store;
  messaging::Transport& transport;
  messaging::Timers& timers;
  messaging::Executor executor;
  std::string queue;  // the worker's
};

// Belongs to one executor, and outlives the jobs that it makes.
class WorkerKind {
 public:
  virtual ~WorkerKind() = default;
  // "archive": also its folder's name.
  virtual std::string_view name() const = 0;
  // Routing keys of the events that it wants, as patterns.
  virtual std::vector<std::string> patterns() const = 0;
  // The lane's tables: statements that may run again.
  virtual std::string_view schema() const = 0;
  // Whether a room's events are handled by their numbers, so that the order outlasts whatever is killed. Such a kind wants
  // all events ("#"), and a lane gets one piece, with the number, of each event of a key that it has pieces of, also where
  // there is nothing to do: it waits for numbers that are missing.
  virtual bool by_number() const { return false; }
  // Pieces of the event, each with the key whose order it keeps, and an id of its own: made again of the same event, it is
  // the same. kMalformed: no event. By itself, an event is one piece in the order of its room.
  virtual Result<std::vector<LanePiece>> Split(const messaging::Message& event, std::size_t lanes);
  // May throw StoreFailure.
  virtual std::unique_ptr<LaneJob> MakeJob(LaneGround ground) = 0;
};

}  // namespace tidings::app
