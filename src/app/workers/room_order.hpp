// RoomOrder: a lane's pieces in the order of their numbers, whatever order they come in.
//
//   RoomOrder order(RoomOrderOptions(queue, consumer), store, transport, timers, handle);
//   order.Begin();
//   Status taken = co_await order.Take(piece.id, piece);   // then the queue may forget it
//   co_await order.End();
//
// A room's events are numbered without a hole. How far a key's numbers are done is kept in the lane's file, in the commit of
// what was handled, so it is right after a kill at any moment. Number n + 1 is handled after n; what comes early is written to the
// file, where it waits, and is acknowledged to the queue: held unacknowledged, it could fill the prefetch and keep out the very
// piece that all of it waits for. What does not come within `gap` is passed over, logged and counted, and handled if it
// comes after all: nothing is dropped but what the inbox knows.
//
// A key of which nothing is known begins with the lowest number that comes within `look`, or with 1 at once: a worker that
// starts in the middle of a room's life sees numbers from the middle.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "lane_store.hpp"
#include "room_rows.hpp"

namespace tidings::app {

class RoomOrderBounds {
 public:
  // What a killed instance held comes back as soon as the broker sees its connection end: within milliseconds, within seconds
  // on a busy machine. Past this it is lost to the queue (purged, or among its dead letters), and others should not wait.
  std::chrono::milliseconds gap{30'000};
  // Every room's first event pays this once, where a worker is new; so it is shorter.
  std::chrono::milliseconds look{1'000};
  // Pieces that wait in the file. Past it, what has waited longest goes on.
  std::uint64_t most = 100'000;
};

class RoomOrderOptions {
 public:
  RoomOrderOptions(std::string queue_, std::string consumer_)
      : queue(std::move(queue_)), consumer(std::move(consumer_)) {}
  std::string queue;     // whose dead letters get what cannot be handled after it waited
  std::string consumer;  // what the inbox tells apart
  RoomOrderBounds bounds;
};

// Belongs to the lane's executor.
class RoomOrder {
 public:
  // kMalformed or kInvalid: the piece is no use; it counts as done.
  using Handling = std::function<Status(const messaging::Message&, LaneUnit&)>;

  // The store's schema has kRoomOrderSchema. Reads what waits; throws StoreFailure. REQUIRES: all outlive it, and End is
  // awaited before it goes if it was begun.
  RoomOrder(RoomOrderOptions options, LaneStore& store, messaging::Transport& transport, messaging::Timers& timers,
            Handling handle);

  void Begin();
  // Success: handled or waiting, durably, or known to the inbox by `id`. An error of the handling's comes back as it is.
  messaging::Task<Status> Take(std::string id, const messaging::Message& piece);
  // What waits is left to whoever has the lane next; what comes is taken still.
  void Halt();
  // Nothing is handled after it.
  messaging::Task<void> End();

  std::uint64_t early() const { return early_; }
  // Also what former processes counted. Throws StoreFailure.
  RoomOrderCounts counts() { return rows().Counts(); }

 private:
  // Who works on a key; nobody else does meanwhile.
  class Turn {
   public:
    Turn(RoomOrder& order, std::string key) : order_(&order), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept : order_(std::exchange(other.order_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    RoomOrder* order_;
    std::string key_;
  };
  // What a key waits for, and until when.
  class Wait {
   public:
    std::uint64_t missing = 0;  // kAnyNumber: nothing is known of the key
    Millis due = 0;             // steady time
  };

  RoomRows& rows() { return store_.database().Slot<RoomRows>(); }
  std::int64_t Today() const;
  messaging::Task<Turn> TurnOf(std::string key);
  void WaitFor(const std::string& key, std::uint64_t missing, std::chrono::milliseconds time);
  void WaitNoMore(const std::string& key);

  messaging::Task<Status> TakeInTurn(std::string id, const messaging::Message& piece, const std::string& key);
  messaging::Task<Status> Park(LaneUnit& unit, const messaging::Message& piece, const std::string& key,
                               std::uint64_t number, std::optional<std::uint64_t> position);
  messaging::Task<Status> HandleNow(LaneUnit& unit, const messaging::Message& piece, const std::string& key,
                                    std::uint64_t number, std::optional<std::uint64_t> position);
  // Handles what waited and may go on now, past what is missing if it is `over`. REQUIRES: the key's turn.
  messaging::Task<Status> GoOn(const std::string& key, std::optional<std::uint64_t> over);
  // As much of `early` as follows on `position`, in one commit. Returns how many.
  messaging::Task<Result<std::size_t>> HandleEarly(const std::string& key, std::uint64_t position,
                                                   const std::vector<EarlyPiece>& early, std::uint64_t missed);
  messaging::Task<Status> Bury(const messaging::Message& piece, const Error& error);
  // With what has waited longest, if its time is over or `before_due`.
  messaging::Task<void> GoOnWithOldest(bool before_due);
  messaging::Task<void> Run();
  messaging::Task<void> ForgetOld();

  const RoomOrderOptions options_;
  LaneStore& store_;
  messaging::Transport& transport_;
  messaging::Timers& timers_;
  Handling handle_;
  std::map<std::string, Wait> waits_;  // no more of them than pieces wait
  std::set<std::pair<Millis, std::string>> dues_;
  std::uint64_t early_ = 0;
  std::set<std::string> busy_;  // keys, each somebody's turn
  messaging::Signal turns_;
  messaging::Signal changed_;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace tidings::app
