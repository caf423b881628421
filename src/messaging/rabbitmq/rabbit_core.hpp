// What a RabbitTransport is made of: two links, a publisher, and what it declared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include "consumer.hpp"
#include "declarer.hpp"
#include "delays.hpp"
#include "getter.hpp"
#include "link.hpp"
#include "publisher.hpp"
#include "rabbit_pub_sub.hpp"
#include "rabbit_streams.hpp"

namespace tidings::messaging {

class RabbitTransport::Core final : public rabbitmq::Settling, public std::enable_shared_from_this<Core> {
 public:
  Core(Executor executor, Timers& timers, LossLedger& ledger, RabbitOptions options);
  // REQUIRES: once, before anything else.
  void Begin(const rabbitmq::Url& url);
  void Abandon();

  Task<Status> PutBack(std::string queue, Message message, std::chrono::milliseconds delay) override;
  Task<Status> PutAmongDead(std::string queue, Message message) override;
  Task<Status> Restore(std::string queue) override;

  Task<Status> Declare(Topology topology);
  // Calls `call(connection)` again while the connection breaks under it and there is time.
  template <class Call>
  auto WithConnection(Call call) -> decltype(call(std::shared_ptr<rabbitmq::Connection>())) {
    const rabbitmq::Deadline deadline(timers, options.call_timeout);
    for (;;) {
      const auto connection = co_await control->Ready(deadline.left());
      if (!connection) co_return std::unexpected(connection.error());
      auto result = co_await call(*connection);
      if (result || (*connection)->open() || deadline.over() || control->stopped()) co_return result;
    }
  }
  // Ends its exclusive queues, which end with the connection anyhow, and counts what was in them. Gives up after `timeout`.
  Task<void> EndExclusive(std::chrono::milliseconds timeout);
  // Durable where the queue is.
  bool IsDurable(std::string_view queue) const;

  Executor executor;
  Timers& timers;
  LossLedger& ledger;
  RabbitOptions options;
  Capabilities capabilities;
  rabbitmq::Registry registry;
  std::shared_ptr<rabbitmq::Link> control;  // consuming, declaring and all else
  std::shared_ptr<rabbitmq::Link> outbound;
  std::shared_ptr<rabbitmq::Publisher> publisher;
  std::unique_ptr<rabbitmq::Delays> delays;
  std::unique_ptr<rabbitmq::Getter> getter;
  std::unique_ptr<rabbitmq::RabbitPubSub> pub_sub;
  std::shared_ptr<rabbitmq::RabbitStreams> streams;
  std::vector<std::weak_ptr<rabbitmq::ConsumerCore>> consumers;
  bool closed = false;
};

}  // namespace tidings::messaging
