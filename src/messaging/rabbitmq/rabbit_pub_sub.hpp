// RabbitPubSub: topics as routing keys of one direct exchange, a subscriber being an exclusive queue of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/pub_sub.hpp>

#include "link.hpp"
#include "publisher.hpp"

namespace tidings::messaging::rabbitmq {

inline constexpr std::string_view kTopicsExchange = "tidings.topics";

class TopicSubscription;

class RabbitPubSub final : public PubSub {
 public:
  RabbitPubSub(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
               std::shared_ptr<Publisher> publisher, std::chrono::milliseconds call_timeout)
      : executor_(std::move(executor)),
        timers_(timers),
        ledger_(ledger),
        link_(std::move(link)),
        publisher_(std::move(publisher)),
        call_timeout_(call_timeout) {}

  // 1 where there are subscribers, however many: the broker does not tell.
  Task<Result<std::size_t>> Publish(std::string topic, Message message) override;
  Task<Result<std::unique_ptr<Subscription>>> Subscribe(std::vector<std::string> topics) override;
  // Stops every subscription.
  void Abandon();

 private:
  Executor executor_;
  Timers& timers_;
  LossLedger& ledger_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Publisher> publisher_;
  std::chrono::milliseconds call_timeout_;
  bool declared_ = false;
  std::vector<std::weak_ptr<TopicSubscription>> subscriptions_;
};

}  // namespace tidings::messaging::rabbitmq
