// MemoryTransport: queues, exchanges, publish/subscribe and streams in this process's memory, for tests and for programs that
// are one process. All of the port but durability; deterministic, and by VirtualTimers as quick as its tests like.
//
//   asio::io_context context;
//   SystemTimers timers(context.get_executor());
//   MemoryTransport transport(context.get_executor(), timers);
//
// Several transports may stand on one broker, as several connections do: what one holds unsettled goes back when it closes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class MemoryState;
class MemoryConnection;
class MemoryPubSub;
class MemoryStreams;

// What the transports on it share; it keeps everything until it is dropped. REQUIRES: `timers` and `ledger` (null: what
// vanishes is not counted) outlive it and belong to the same executor.
class MemoryBroker {
 public:
  explicit MemoryBroker(Timers& timers, LossLedger* ledger = nullptr);
  ~MemoryBroker();
  MemoryBroker(const MemoryBroker&) = delete;
  MemoryBroker& operator=(const MemoryBroker&) = delete;

 private:
  friend class MemoryTransport;
  std::shared_ptr<MemoryState> state_;
};

class MemoryOptions {
 public:
  MemoryOptions() = default;
  explicit MemoryOptions(LossLedger* ledger_) : ledger(ledger_) {}
  LossLedger* ledger = nullptr;
};

// Publish and Next do not wait where they need not, but give way to others from time to time.
class MemoryTransport final : public Transport {
 public:
  // With a broker of its own. REQUIRES: `timers` and the ledger outlive it.
  MemoryTransport(Executor executor, Timers& timers, MemoryOptions options = MemoryOptions());
  MemoryTransport(Executor executor, std::shared_ptr<MemoryBroker> broker);
  // As Close.
  ~MemoryTransport() override;

  std::string_view name() const override { return "memory"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Executor executor() override { return executor_; }

  Task<Status> Declare(Topology topology) override;
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options) override;
  Task<Status> PublishAll(std::vector<Outgoing> messages) override;
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override;
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue, ConsumeOptions options) override;
  Task<Result<QueueStats>> Stats(std::string queue) override;
  Task<Result<std::uint64_t>> Purge(std::string queue) override;
  Task<Status> DeleteQueue(std::string queue) override;
  Task<Result<std::vector<std::string>>> Queues() override;
  PubSub* pub_sub() override;
  Streams* streams() override;
  Task<void> Close() override;

 private:
  Status CheckOpen() const;
  static Result<std::size_t> PublishNow(MemoryConnection& connection, const Address& to, Message&& message,
                                        const PublishOptions& options);

  Executor executor_;
  Capabilities capabilities_;
  std::shared_ptr<MemoryBroker> broker_;
  std::shared_ptr<MemoryConnection> connection_;
  std::unique_ptr<MemoryPubSub> pub_sub_;
  std::unique_ptr<MemoryStreams> streams_;
  std::uint32_t turn_ = 0;
};

}  // namespace tidings::messaging
