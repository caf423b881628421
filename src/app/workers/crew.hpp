// Crew: one instance of a worker. All instances of a worker share its folder and so its lanes; each has its share of them, and
// what an instance that ended had goes to the others.
//
//   Crew crew(std::make_unique<WebhookKind>(…), CrewOptions(data), transport, timers);
//   Status started = co_await crew.Start();
//   …
//   co_await crew.Stop(5s);
//
// A lane whose file cannot be opened holds up no other: it is tried again with growing pauses, and what is its own waits.
//
// Where other processes may use the transport's queues, the worker's queue `tidings.worker.NAME` is split into one queue for
// each lane by the hash of the key, by one of the instances. Else this is the only instance, and has the queue by itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <tidings/messaging/router.hpp>
#include <tidings/messaging/signal.hpp>

#include "claims.hpp"
#include "lane.hpp"
#include "worker_kind.hpp"

namespace tidings::app {

class CrewOptions {
 public:
  explicit CrewOptions(std::filesystem::path data_) : data(std::move(data_)) {}
  std::filesystem::path data;  // the worker's folder is data/workers/NAME
  std::size_t lanes = 4;       // 1 to Claims::kMostLanes; the same for ever, for a folder
  std::chrono::milliseconds look_every{250};
  RoomOrderBounds bounds;      // where other processes may use the queues
};

// Belongs to the transport's executor.
class Crew {
 public:
  // REQUIRES: transport and timers outlive it, and Stop is awaited before it goes.
  Crew(std::unique_ptr<WorkerKind> kind, CrewOptions options, messaging::Transport& transport,
       messaging::Timers& timers);
  ~Crew();

  // Declares the queues and begins. kUnavailable: the broker is away, or another process has the folder to itself. Where the
  // queue is not split, an error too if no lane can be opened.
  messaging::Task<Status> Start();
  // Finishes what is in hand, within the deadline.
  messaging::Task<void> Stop(std::chrono::milliseconds deadline);
  std::size_t lanes() const { return lanes_.size(); }
  const WorkerKind& kind() const { return *kind_; }

  // "tidings.worker.archive", and the queue of a lane of it, "tidings.worker.archive.0".
  static std::string QueueOf(std::string_view kind);
  static std::string LaneQueueOf(std::string_view kind, std::size_t lane);

 private:
  Status OpenFolder();
  messaging::Topology TopologyOfAll() const;
  // A lane that could not be opened.
  class Failing {
   public:
    Millis next = 0;  // steady time of the next try
    std::chrono::milliseconds pause{0};
  };

  messaging::Task<Status> StartWhole();
  messaging::Task<void> OpenMissing();
  messaging::Task<void> Balance();
  messaging::Task<void> TakeLanes(std::size_t share);
  // REQUIRES: the lane is claimed. Gives the claim back if it cannot be opened.
  messaging::Task<Status> OpenLane(std::size_t lane);
  bool DueAgain(std::size_t lane) const;
  messaging::Task<void> LeaveLanes(std::size_t share);
  messaging::Task<void> TakeSplitting();
  messaging::Task<Status> Split(messaging::Context& context);
  messaging::Task<Status> HandleWhole(messaging::Context& context);
  std::unique_ptr<messaging::Router> MakeRouter(messaging::Task<Status> (Crew::*handle)(messaging::Context&));
  LaneOptions OptionsOf(std::size_t lane, bool queue) const;
  messaging::Task<void> Finish(std::chrono::milliseconds deadline);

  std::unique_ptr<WorkerKind> kind_;
  const CrewOptions options_;
  messaging::Transport& transport_;
  messaging::Timers& timers_;
  const std::filesystem::path folder_;
  std::optional<Claims> claims_;
  std::map<std::size_t, std::unique_ptr<Lane>> lanes_;
  std::map<std::size_t, Failing> failing_;
  std::unique_ptr<messaging::Router> splitter_;
  messaging::Signal changed_;
  bool stopping_ = false;
  bool balancing_ = false;
};

}  // namespace tidings::app
