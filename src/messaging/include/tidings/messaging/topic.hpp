// Topic: one message to all who subscribed, each by a pattern.
//
//   Topic orders(transport, "orders");
//   Topology topology = orders.topology();
//   std::string mailer = orders.AddGroup(topology, "mailer", "order.created");   // a queue, "orders.mailer"
//   Status declared = co_await transport.Declare(topology);
//   router.Subscribe(mailer, handler);
//   auto published = co_await orders.Publish(Message("order.created", body));
//
// A durable subscription is a queue bound to the topic's exchange: it gets what is published from its declaration on,
// whether somebody consumes or not. Those who subscribe by one name are a group and share its messages. An ephemeral
// subscription gets what is published while it is there.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class Topic {
 public:
  // `transport` outlives it.
  Topic(Transport& transport, std::string name) : transport_(transport), name_(std::move(name)) {}

  // Its exchange, a topic exchange of its name.
  Topology topology() const;
  // The queue of a durable subscription, declared and bound by `topology`; adding it again adds a pattern. Returns the
  // queue's name, "<topic>.<group>".
  std::string AddGroup(Topology& topology, std::string_view group, std::string pattern = "#",
                       QueueOptions options = QueueOptions()) const;

  // To all whose pattern fits the routing key, which is the message's type unless it is given. Nobody need be there:
  // then it is counted as `unrouted` in the ledger. Returns the number of queues reached where known.
  Task<Result<std::size_t>> Publish(Message message, std::string routing_key = "");

  // An ephemeral subscription: a queue of its own, gone with the connection; by PubSub where the transport has no
  // exchanges, and then patterns are matched here. REQUIRES: the topic was declared.
  Task<Result<std::unique_ptr<Subscription>>> Listen(std::string pattern = "#");

  const std::string& name() const { return name_; }

 private:
  Transport& transport_;
  std::string name_;
};

}  // namespace tidings::messaging
