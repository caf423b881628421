// Lane: one queue of a worker's, handled in order by room, and the file that its effects go to. The order is that of the
// numbers where the kind goes by them (RoomOrder), else that in which the pieces come.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/router.hpp>

#include "room_order.hpp"
#include "worker_kind.hpp"

namespace tidings::app {

class LaneOptions {
 public:
  LaneOptions() = default;
  std::filesystem::path file;
  std::string queue;     // of pieces; empty: they come by Apply
  std::string consumer;  // what the inbox tells apart: the worker's queue
  RoomOrderBounds bounds;
};

// Belongs to the transport's executor.
class Lane {
 public:
  // REQUIRES: all outlive it, and Stop is awaited before it goes.
  Lane(LaneOptions options, WorkerKind& kind, messaging::Transport& transport, messaging::Timers& timers);

  // kNotFound: there is no such queue.
  messaging::Task<Status> Start();
  // Handles the lane's pieces of an event, in one commit, once.
  messaging::Task<Status> Apply(const std::string& event, const std::vector<messaging::Message>& pieces);
  // Finishes what it has in hand.
  messaging::Task<void> Stop(std::chrono::milliseconds deadline);
  messaging::RouterStats stats() const { return router_ ? router_->stats() : messaging::RouterStats(); }

 private:
  messaging::Task<Status> Subscribe();
  messaging::Task<Status> Handle(messaging::Context& context);
  messaging::Task<Status> TakeByNumber(messaging::Context& context);
  void Close();
  Status HandlePiece(const messaging::Message& piece, LaneUnit& unit);

  const LaneOptions options_;
  WorkerKind& kind_;
  messaging::Transport& transport_;
  messaging::Timers& timers_;
  std::unique_ptr<LaneStore> store_;
  std::unique_ptr<LaneJob> job_;
  std::unique_ptr<RoomOrder> order_;  // null: the kind does not go by numbers
  std::unique_ptr<messaging::Idempotent> idempotent_;
  std::unique_ptr<messaging::Router> router_;
};

// What a failure of a worker's own surroundings (a full disk, a broker that is away) is met with: it is not the message's
// fault, so it is tried again, with growing pauses, for days.
messaging::Retry Patience();
// What a job or a split answered, as a handler says it: what is no use goes to the dead letters now.
Status AsAnswer(messaging::Context& context, const Status& handled);

}  // namespace tidings::app
