// Deliveries: consumers, single gets, and how what they hand out is settled.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tidings/base/error.hpp>
#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "connection.hpp"
#include "link.hpp"
#include "load.hpp"
#include "message_codec.hpp"

namespace tidings::messaging::rabbitmq {

// What settling asks of the transport. It outlives nobody: check Open().
class Settling {
 public:
  virtual ~Settling() = default;
  // Confirmed, into the queue itself or its delay queue.
  virtual Task<Status> PutBack(std::string queue, Message message, std::chrono::milliseconds delay) = 0;
  // Confirmed, into the queue of its dead letters; or counted as lost where it has none.
  virtual Task<Status> PutAmongDead(std::string queue, Message message) = 0;
  // Declares again what is known of the queue.
  virtual Task<Status> Restore(std::string queue) = 0;
};

// The delivery tags of one channel after the other. A tag is worth something on the channel that gave it, and nowhere else.
class Tags {
 public:
  explicit Tags(std::shared_ptr<Load> load) : in_hand_(std::move(load)) {}
  ~Tags();
  // From here on tags belong to this channel.
  void Begin(std::unique_ptr<Channel> channel);
  void End();
  std::uint64_t epoch() const { return epoch_; }
  Channel* channel() { return channel_.get(); }
  bool Holds(std::uint64_t epoch) const { return epoch == epoch_ && channel_ && channel_->open(); }

  // Deliveries of this channel that are handed out and not settled.
  void Handed() { in_hand_.Add(); }
  void Settled(std::uint64_t epoch) {
    if (epoch == epoch_) in_hand_.Remove();
  }
  std::size_t in_hand() const { return in_hand_.count(); }

  // kConflict if that channel is gone: the message was or will be handed out again.
  Status Ack(std::uint64_t epoch, std::uint64_t tag);
  // Back to its place; `failed`: it may have been the message's fault (basic.reject, not basic.nack).
  Status Return(std::uint64_t epoch, std::uint64_t tag, bool failed);

 private:
  std::unique_ptr<Channel> channel_;
  std::uint64_t epoch_ = 0;
  Load::Share in_hand_;
};

std::unique_ptr<Settlement> MakeSettlement(Executor executor, std::shared_ptr<Tags> tags,
                                           std::weak_ptr<Settling> settling, std::string queue, std::uint64_t epoch,
                                           std::uint64_t tag);

// An undecodable content as a message for the dead letters: its body as it came, why in its headers.
Message Undecodable(std::string_view properties, std::string body, const std::string& queue, const std::string& why,
                    Millis now);
// How a queue's messages are read: what is in a queue of dead letters is taken as far as it can be.
Strictness StrictnessFor(std::string_view queue);

class ConsumerCore final : public ChannelHandler, public std::enable_shared_from_this<ConsumerCore> {
 public:
  ConsumerCore(Executor executor, Timers& timers, std::shared_ptr<Link> link, std::weak_ptr<Settling> settling,
               std::string queue, std::uint16_t prefetch);
  ~ConsumerCore() override;

  // Opens its channel and consumes. kNotFound: no such queue.
  Task<Status> Start(std::chrono::milliseconds timeout);
  Task<Result<Delivery>> Next();
  // The same, nothing when `timeout` is over.
  Task<Result<std::optional<Delivery>>> NextWithin(std::chrono::milliseconds timeout);
  Task<void> Stop();
  void StopNow();

 private:
  class Fetched {
   public:
    Received received;
    std::uint64_t tag;
  };

  void OnContent(Content& content) override;
  void OnCancelled() override;
  void OnClosed(const Error& error, const CloseReason* exception) override;

  Task<Status> Open(std::chrono::milliseconds timeout);
  Task<void> Run();
  void BuryRaw(Message message, std::uint64_t tag);
  Delivery Hand();
  void ReturnFetched();
  // The channel if its answer is worth waiting for; null if it is gone.
  Channel* Cancel();

  Executor executor_;
  Timers& timers_;
  std::shared_ptr<Link> link_;
  std::weak_ptr<Settling> settling_;
  std::string queue_;
  std::uint16_t prefetch_;
  std::shared_ptr<Tags> tags_;
  std::deque<Fetched> fetched_;
  Load::Share waiting_;  // those
  bool stopped_ = false;
  bool up_ = false;
  std::optional<Error> failed_;
  Signal ready_;
  Signal lost_;
};

}  // namespace tidings::messaging::rabbitmq
