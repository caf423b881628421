// Bus: topics, groups, handlers and dead letters of a program in one place, written once for every transport.
//
//   void Wire(Bus& bus, Mail& mail) {
//     bus.Subscribe<OrderPlaced>("orders", Group("mailer"), Prefetch(16), KeyBy(&OrderPlaced::order_id),
//         Retry().Immediate(2).Delayed(5s, 30s, 5min), DeadLetter("orders.dead"),
//         [&](const OrderPlaced& order) -> Task<void> { co_await mail.Send(order.email); });
//   }
//   Status started = co_await bus.Start();
//   Status placed = co_await bus.Publish("orders", OrderPlaced("7", "ann@example.com"));  // no compiler asks you to look
//
// A topic is an exchange of its name, a group a queue "<topic>.<group>" bound to it by the type of what it handles. A group
// has one handler in a program; several types are its with Dispatch.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/messaging/codec.hpp>
#include <tidings/messaging/dead_letters.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/messaging/topic.hpp>

namespace tidings::messaging {

// Those who subscribe to a topic by one group share its messages.
class Group {
 public:
  explicit Group(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

// OrderByKey with the key out of the decoded message: a member or a function of it.
template <class Member>
class KeyBy {
 public:
  explicit KeyBy(Member member) : member_(member) {}
  template <class E>
  OrderByKey Of() const {
    return OrderByKey([member = member_](const Message& message) -> std::string {
      const Result<E> event = CodecFor<E>().Decode(message.body);
      if (!event) return std::string();
      if constexpr (std::convertible_to<std::invoke_result_t<Member, const E&>, std::string>) {
        return std::string(std::invoke(member, *event));
      } else {
        return std::to_string(std::invoke(member, *event));
      }
    });
  }

 private:
  Member member_;
};

class Bus {
 public:
  // Both outlive it.
  Bus(Transport& transport, Timers& timers) : transport_(transport), router_(transport, timers) {}

  // Options are those of Router::Subscribe and KeyBy, in any order; the handler comes last. REQUIRES: not started yet.
  template <Event E, class... Parts>
  void Subscribe(const std::string& topic, const Group& group, Parts&&... parts) {
    std::string queue = AddGroup(topic, group, {std::string(E::kType)});
    router_.Subscribe<E>(std::move(queue), Adapt<E>(std::forward<Parts>(parts))...);
  }
  // The same by patterns of routing keys, for a handler of messages as they are or a Dispatch.
  template <class... Parts>
  void SubscribeTo(const std::string& topic, const Group& group, std::vector<std::string> patterns, Parts&&... parts) {
    std::string queue = AddGroup(topic, group, std::move(patterns));
    router_.Subscribe(std::move(queue), Adapt<Message>(std::forward<Parts>(parts))...);
  }
  // What handlers may send to, and more of the kind; declared at the start.
  Topology& topology() { return topology_; }
  Router& router() { return router_; }

  // Declares the topology and begins to handle.
  Task<Status> Start();
  Task<void> Stop(std::chrono::milliseconds deadline = std::chrono::seconds(10)) { return router_.Stop(deadline); }

  // Returns when it was accepted. Nobody need have subscribed.
  template <Event E>
  Task<Status> Publish(std::string topic, const E& event) {
    return PublishMessage(std::move(topic), ToMessage(event));
  }
  Task<Status> PublishMessage(std::string topic, Message message);

  // For a handler that returns what to send.
  template <Event E>
  static Outgoing To(const std::string& topic, Context& context, const E& event) {
    Message message = context.Follow(std::string(E::kType), CodecFor<E>().Encode(event));
    message.headers.Set(header::kContentType, std::string(CodecFor<E>::kContentType));
    PublishOptions options;
    options.require_route = false;
    return Outgoing(Address::Exchange(topic, std::string(E::kType)), std::move(message), options);
  }

 private:
  template <class E, class Part>
  auto Adapt(Part&& part) {
    using Plain = std::remove_cvref_t<Part>;
    if constexpr (requires(const Plain& plain) {
                    { plain.template Of<E>() } -> std::same_as<OrderByKey>;
                  }) {
      return std::forward<Part>(part).template Of<E>();
    } else if constexpr (std::same_as<Plain, DeadLetter>) {
      if (!part.queue().empty()) AddDeadLetters(part.queue());
      return Plain(std::forward<Part>(part));
    } else {
      return Plain(std::forward<Part>(part));
    }
  }
  // Throws std::invalid_argument if the group has a handler: two would compete for messages of both types; use Dispatch.
  std::string AddGroup(const std::string& topic, const Group& group, std::vector<std::string> patterns);
  void AddDeadLetters(const std::string& queue);

  Transport& transport_;
  Router router_;
  Topology topology_;
};

}  // namespace tidings::messaging
