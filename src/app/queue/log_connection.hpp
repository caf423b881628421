// LogConnection: one transport at the embedded queues, and what it holds: intakes and unsettled deliveries.
#pragma once

#include <boost/intrusive/list.hpp>

#include <memory>
#include <optional>
#include <string>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/transport.hpp>

#include "log_broker_state.hpp"
#include "log_queue.hpp"

namespace tidings::app {

class LogConnection;
class LogIntake;

using LeavesItsList = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
template <class T>
using LeavableList = boost::intrusive::list<T, boost::intrusive::constant_time_size<false>>;

// A delivery that is not settled. It lives on when its queue, its connection or the broker end, and settles nothing then.
class LogSettlement final : public messaging::Settlement, public LeavesItsList {
 public:
  LogSettlement(std::shared_ptr<LogIntake> intake, chat::QueuePlace place)
      : intake_(std::move(intake)), place_(place) {}
  ~LogSettlement() override;

  messaging::Task<Status> Ack() override;
  messaging::Task<Status> Nack() override;
  messaging::Task<Status> Retry(messaging::Message message, std::chrono::milliseconds delay) override;
  messaging::Task<Status> Bury(messaging::Message message) override;
  messaging::Task<bool> Extend() override { co_return Ours(); }

  // The connection ended: the message goes back to its queue, and this one settles nothing any more.
  void TakeBack();

 private:
  bool Ours() const;
  Status NotOurs() const;
  // Takes what is settled out of here.
  chat::QueuePlace Release();

  std::shared_ptr<LogIntake> intake_;
  std::optional<chat::QueuePlace> place_;
};

// Takes messages out of a queue, at most `prefetch` unsettled ones: a consumer, or one Pop.
class LogIntake final : public std::enable_shared_from_this<LogIntake>, public LogWaiter, public LeavesItsList {
 public:
  LogIntake(std::shared_ptr<LogConnection> connection, std::shared_ptr<LogQueue> queue, std::uint16_t prefetch);

  // Takes one if there is one at hand and it may.
  std::optional<messaging::Delivery> TryNext();
  // Waits until it is worth looking again, or until the timeout is over. False: it was cancelled.
  messaging::Task<bool> Wait(std::optional<std::chrono::milliseconds> timeout);
  // The queue has nothing at hand but more to read: waits for a part of it. False: there is nothing to read, or it was
  // cancelled.
  messaging::Task<bool> Read();
  // Until it is stopped.
  void CountAsConsumer();
  // Nothing can be taken any more.
  void Stop(std::string why);
  const std::string& stopped() const { return stopped_; }

  LogQueue& queue() { return *queue_; }
  LogConnection& connection() { return *connection_; }
  void Wake() override { wake_.NotifyOne(); }
  // One of its deliveries is settled.
  void Settled();

 private:
  class Waiting;

  std::shared_ptr<LogConnection> connection_;
  std::shared_ptr<LogQueue> queue_;
  std::uint32_t prefetch_;
  std::uint32_t held_ = 0;
  bool counted_ = false;
  std::string stopped_;  // why, or empty
  messaging::Signal wake_;
};

class LogConnection {
 public:
  LogConnection(std::shared_ptr<LogBrokerState> broker_, QueueStart start_);
  ~LogConnection();
  // Idempotent.
  void Close();

  std::shared_ptr<LogBrokerState> broker;
  const QueueStart start;
  bool closed = false;
  LeavableList<LogSettlement> unsettled;
  LeavableList<LogIntake> intakes;
};

}  // namespace tidings::app
