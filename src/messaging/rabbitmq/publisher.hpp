// Publisher: sends messages over a link with publisher confirms, and says of each what became of it.
//
// Up to `window` messages are under way unconfirmed; others wait for their turn, in order. After a break what was not
// confirmed is sent again, with the same id, before anything newer. All are published as mandatory: RabbitMQ returns what it
// could not route before it confirms it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "connection.hpp"
#include "link.hpp"

namespace tidings::messaging::rabbitmq {

class PublisherOptions {
 public:
  std::size_t window = 1024;
  // How many more may wait for their turn; what comes after is refused.
  std::size_t most_waiting = 65'536;
  std::chrono::milliseconds timeout{30'000};
  std::vector<std::string> numbers;  // see RabbitOptions
};

class Publisher final : public ChannelHandler,
                        public ConnectionHandler,
                        public std::enable_shared_from_this<Publisher> {
 public:
  Publisher(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
            PublisherOptions options);

  // As Transport::Publish. `persistent`: on the broker's disk before it is confirmed, where the queue is durable.
  // `stamp` travels beside the message. Cancellable: then the outcome is unknown.
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options, bool persistent = true,
                                    std::string stamp = "");
  Task<Status> PublishAll(std::vector<Outgoing> messages);

  // Takes no more, and waits up to `timeout` for what is under way.
  Task<void> Finish(std::chrono::milliseconds timeout);
  // Lets everybody go who waits; unknown what was sent, refused what was not.
  void Abandon();

  std::uint64_t resent() const { return resent_; }

 private:
  class Batch;
  class Pending;

  void OnContent(Content& content) override;
  void OnConfirm(const Confirm& confirm, bool accepted) override;
  void OnClosed(const Error& error, const CloseReason* exception) override;
  void OnRoom() override { Pump(); }

  Status Admit(const Message& message, std::size_t count) const;
  void Enqueue(std::shared_ptr<Pending> pending);
  Task<void> Run();
  void Pump();
  void Send(std::shared_ptr<Pending> pending);
  void Settle(const std::shared_ptr<Pending>& pending, bool accepted);
  void Complete(const std::shared_ptr<Pending>& pending, Result<std::size_t> result);
  void Resume(std::move_only_function<void()> waiter);
  void Sweep();
  void GiveUp(const std::shared_ptr<Pending>& pending, const std::string& why);
  bool idle() const { return waiting_.empty() && unconfirmed_.empty(); }

  Executor executor_;
  Timers& timers_;
  LossLedger& ledger_;
  std::shared_ptr<Link> link_;
  PublisherOptions options_;

  std::unique_ptr<Channel> channel_;  // null while there is none ready
  std::string trouble_;
  bool running_ = false;
  bool finishing_ = false;
  bool abandoned_ = false;
  bool pumping_ = false;
  Signal lost_;
  Signal idle_;

  std::deque<std::shared_ptr<Pending>> waiting_;
  // By delivery tag: the front one's is first_tag_. Null: confirmed, while an older one is not.
  std::deque<std::shared_ptr<Pending>> unconfirmed_;
  std::uint64_t first_tag_ = 1;
  Load::Share in_flight_;
  // So many at the head of waiting_ are sent one by one, because one of them made the broker close the channel.
  std::size_t careful_ = 0;
  std::uint64_t resent_ = 0;

  Alarm sweep_;
  bool sweeping_ = false;
  // Whoever goes on in the executor's next turn.
  std::vector<std::move_only_function<void()>> resumed_;
};

}  // namespace tidings::messaging::rabbitmq
