// RedisPubSub: Redis' own publish/subscribe.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/pub_sub.hpp>

#include "client.hpp"
#include "keys.hpp"
#include "subscriber.hpp"

namespace tidings::redis {

class RedisPubSub final : public messaging::PubSub {
 public:
  RedisPubSub(Executor executor, std::shared_ptr<Client> client, std::shared_ptr<Subscriber> subscriber, Keys keys,
              messaging::LossLedger* ledger)
      : executor_(std::move(executor)),
        client_(std::move(client)),
        subscriber_(std::move(subscriber)),
        keys_(std::move(keys)),
        ledger_(ledger) {}

  Task<Result<std::size_t>> Publish(std::string topic, messaging::Message message) override;
  Task<Result<std::unique_ptr<messaging::Subscription>>> Subscribe(std::vector<std::string> topics) override;
  // Ends every subscription.
  void Close();

 private:
  class Inbox;
  class Handle;
  Executor executor_;
  std::shared_ptr<Client> client_;
  std::shared_ptr<Subscriber> subscriber_;
  Keys keys_;
  messaging::LossLedger* ledger_;
  std::vector<std::weak_ptr<Inbox>> inboxes_;
};

}  // namespace tidings::redis
