// MemoryConnection: one transport at the in-memory broker, and what it holds: readers, unsettled deliveries, subscriptions.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/transport.hpp>

#include "memory_list.hpp"
#include "memory_queue.hpp"
#include "memory_state.hpp"

namespace tidings::messaging {

class MemoryConnection;
class MemoryReader;

// A delivery that is not settled. It lives on when its queue, its connection or the broker end, and settles nothing then.
class MemorySettlement final : public Settlement, public AutoUnlink {
 public:
  MemorySettlement(std::shared_ptr<MemoryReader> reader, StoredPtr stored)
      : reader_(std::move(reader)), stored_(std::move(stored)) {}
  ~MemorySettlement() override;

  Task<Status> Ack() override;
  Task<Status> Nack() override;
  Task<Status> Retry(Message message, std::chrono::milliseconds delay) override;
  Task<Status> Bury(Message message) override;
  Task<bool> Extend() override { co_return Ours(); }

  // The connection ended: the message goes back to its queue, and this one settles nothing any more.
  void TakeBack();

 private:
  bool Ours() const;
  Status NotOurs() const;
  // Takes what is settled out of here.
  StoredPtr Release();

  std::shared_ptr<MemoryReader> reader_;
  StoredPtr stored_;
};

// Takes messages out of a queue, at most `prefetch` unsettled ones: a consumer, or one Pop.
class MemoryReader final : public std::enable_shared_from_this<MemoryReader>, public MemoryWaiter, public AutoUnlink {
 public:
  MemoryReader(std::shared_ptr<MemoryConnection> connection, std::shared_ptr<MemoryQueue> queue,
               std::uint16_t prefetch);

  // Takes one if there is one and it may.
  std::optional<Delivery> TryNext();
  enum class Woken { kToLookAgain, kByTime, kByCancellation };
  // Waits until it is worth looking again, or until the timeout is over.
  Task<Woken> Wait(std::optional<std::chrono::milliseconds> timeout);
  // Until it is stopped.
  void CountAsConsumer();
  // Nothing can be taken any more.
  void Stop(std::string why);
  const std::string& stopped() const { return stopped_; }

  MemoryQueue& queue() { return *queue_; }
  MemoryConnection& connection() { return *connection_; }
  void Wake() override;
  // One of its deliveries is settled.
  void Settled();

 private:
  class Waiting;

  std::shared_ptr<MemoryConnection> connection_;
  std::shared_ptr<MemoryQueue> queue_;
  std::uint32_t prefetch_;
  std::uint32_t held_ = 0;
  bool counted_ = false;
  std::string stopped_;  // why, or empty
  std::optional<Signal> wake_;
};

class MemoryConnection {
 public:
  MemoryConnection(std::shared_ptr<MemoryState> state, Executor executor)
      : state(std::move(state)), executor(std::move(executor)) {}
  // Idempotent.
  void Close();

  std::shared_ptr<MemoryState> state;
  Executor executor;
  bool closed = false;
  std::size_t giving_way = 0;  // publishes that let others go first; those that come now go behind them
  LinkedList<MemorySettlement> unsettled;
  LinkedList<MemoryReader> readers;
  LinkedList<MemorySubscription> subscriptions;
};

}  // namespace tidings::messaging
