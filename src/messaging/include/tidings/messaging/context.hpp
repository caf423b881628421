// Context: what a handler sees of the message that it handles, and how it sends what follows from it.
//
//   Task<Status> Charge(Context& context) {
//     context.Send(Address::Queue("receipts"), context.Follow("order.charged", context.message().body));
//     co_return Status();
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/inbox.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>
#include <tidings/messaging/verdict.hpp>

namespace tidings::messaging {

// A program that uses this namespace writes handlers with these words.
using tidings::Error;
using tidings::ErrorCode;
using tidings::Fail;
using tidings::Result;
using tidings::Status;

class Middleware;
using Middlewares = std::vector<std::shared_ptr<Middleware>>;

// Lives as long as the handler runs; made by the Router.
class Context {
 public:
  // What all messages of one handler share.
  class Place {
   public:
    Place(std::string consumer_, Transport& transport_, Timers& timers_, const Middlewares& chain_)
        : consumer(std::move(consumer_)), transport(&transport_), timers(&timers_), chain(&chain_) {}
    std::string consumer;
    Transport* transport;
    Timers* timers;
    const Middlewares* chain;
    bool stopping = false;
  };

  Context(const Delivery& delivery, const Place& place) : delivery_(&delivery), place_(&place) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Message& message() const { return delivery_->message(); }
  const std::string& queue() const { return delivery_->queue(); }
  // The handler's name, the queue's unless it was given another: what the inbox and the metrics tell apart.
  const std::string& consumer() const { return place_->consumer; }
  // 1 on the first try.
  std::uint32_t attempt() const { return delivery_->attempt(); }
  std::uint32_t deliveries() const { return delivery_->deliveries(); }
  Timers& timers() const { return *place_->timers; }
  // The router drains: finish soon.
  bool stopping() const { return place_->stopping; }

  // Sends it when the handler has succeeded, before its message is acknowledged; not at all if it fails. Correlation,
  // causation and trace are set unless they are there.
  void Send(Outgoing outgoing) { outgoing_.push_back(std::move(outgoing)); }
  void Send(Address to, Message message, PublishOptions options = PublishOptions()) {
    outgoing_.emplace_back(std::move(to), std::move(message), options);
  }
  // A message that follows from this one. Its id is made of this one's, of consumer() and of how many were made before, so
  // that it is the same when this message is handled again, and those who get it twice can tell.
  Message Follow(std::string type, std::string body);
  // Sends now what Send was given so far: who commits an effect that must not outlive the messages does so before.
  Task<Status> Flush();
  bool has_outgoing() const { return !outgoing_.empty(); }

  // It comes after later ones of its key, which did not wait for it any longer, or it comes again; see OrderByNumber.
  bool late() const { return late_; }
  void set_late(bool late) { late_ = late; }

  // For `co_return context.Reject("no such product")`: no retry helps, it goes to the dead letters now.
  Status Reject(std::string why) { return Refuse(DeathReason::kRejected, ErrorCode::kInvalid, std::move(why)); }
  // The same for a body that cannot be read.
  Status RejectUndecodable(std::string why) {
    return Refuse(DeathReason::kUndecodable, ErrorCode::kMalformed, std::move(why));
  }
  bool rejected() const { return rejected_; }
  DeathReason rejection() const { return rejection_; }

  // The traceparent of this handling's own span, where the TraceContext middleware runs; else "".
  const std::string& trace_parent() const { return trace_parent_; }
  void set_trace_parent(std::string value) { trace_parent_ = std::move(value); }

  // The transaction that the Idempotent middleware opened for the effect; null without it. As<T>() of it where the inbox
  // says what T is.
  InboxUnit* unit() const { return unit_; }
  void set_unit(InboxUnit* unit) { unit_ = unit; }

 private:
  Status Refuse(DeathReason reason, ErrorCode code, std::string why) {
    rejected_ = true;
    rejection_ = reason;
    return Fail(code, std::move(why));
  }

  const Delivery* delivery_;
  const Place* place_;
  std::vector<Outgoing> outgoing_;
  std::string trace_parent_;
  InboxUnit* unit_ = nullptr;
  std::uint32_t followed_ = 0;
  bool late_ = false;
  bool rejected_ = false;
  DeathReason rejection_ = DeathReason::kRejected;
};

// Sets correlation, causation and trace of a message that follows from `cause`, each unless it is there.
void Relate(const Message& cause, Message& message);

}  // namespace tidings::messaging
