// Queue: one queue as a transport sees it, with the steps that take messages out and settle them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/topology.hpp>

#include "client.hpp"
#include "keys.hpp"

namespace tidings::redis {

using messaging::DeathReason;
using messaging::LossCause;
using messaging::LossLedger;
using messaging::Message;

class Queue : public std::enable_shared_from_this<Queue> {
 public:
  Queue(Executor executor, std::shared_ptr<Client> client, Timers& timers, LossLedger* ledger, const Keys& keys,
        std::string name);

  const std::string& name() const { return name_; }
  const QueueKeys& keys() const { return keys_; }
  Client& client() { return *client_; }
  Timers& timers() { return timers_; }
  void Count(LossCause cause, std::uint64_t messages = 1);

  // Of what was leased: `entry` is it, `ends` when its lease ends by our own steady clock. kConflict: it is ours no more.
  Task<Status> Ack(std::string entry, Millis ends);
  Task<Status> Return(std::string entry, Millis ends);
  Task<Status> Retry(std::string entry, Millis ends, Message message, std::chrono::milliseconds delay);
  // `message` bears its death's headers. Where the queue has no dead letters it is gone, and counted under `cause`.
  Task<Status> Bury(std::string entry, Millis ends, Message message, LossCause cause);
  Task<bool> Extend(std::string entry, std::chrono::milliseconds lease);
  // Without waiting; `counted` against the delivery limit.
  void ReturnAll(const std::vector<std::string>& entries, bool counted);
  // Sends the acknowledgements that were gathered.
  void Flush();

 private:
  struct Acked {
    Millis ends;
    std::move_only_function<void(Status)> done;
  };
  class Batch {
   public:
    Arguments entries;
    std::vector<Acked> acked;
  };
  // What an answer of 1 or 0 means.
  Status Settled(bool done, bool resent, Millis ends) const;
  Arguments Start(std::initializer_list<std::string_view> keys) const;
  Task<Result<bool>> HasDeadLetters();

  Executor executor_;
  std::shared_ptr<Client> client_;
  Timers& timers_;
  LossLedger* ledger_;
  std::string name_;
  QueueKeys keys_;
  QueueKeys dead_;
  std::string queues_key_;
  std::unique_ptr<Batch> batch_;
};

}  // namespace tidings::redis
