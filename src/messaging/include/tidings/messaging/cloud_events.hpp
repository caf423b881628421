// CloudEvents: the attributes of CloudEvents 1.0 as headers, by its AMQP binding in binary mode (§3.1).
//
//   router.Use(std::make_shared<CloudEvents>("/orders"));    // what handlers send bears them
//   CloudEvents("/orders").Stamp(message, timers.Now());      // so does this one
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {

// What a message says of itself; empty where it does not.
class CloudEvent {
 public:
  CloudEvent() = default;
  std::string id;
  std::string source;
  std::string type;
  std::string subject;
  std::string time;
  std::string data_content_type;
};

class CloudEvents final : public Middleware {
 public:
  // `source` is a URI reference, not empty.
  explicit CloudEvents(std::string source) : source_(std::move(source)) {}

  // id, type and subject are the message's id, type ("message" if it has none) and key; each unless it is there.
  void Stamp(Message& message, Millis now) const;
  // Nothing unless id, source, type and a specversion of 1.x are there.
  static std::optional<CloudEvent> Read(const Message& message);

  Task<Verdict> Handle(Context& context, Next next) override { return next(context); }
  void Sending(const Context& context, Message& message) override { Stamp(message, context.timers().Now()); }

 private:
  std::string source_;
};

}  // namespace tidings::messaging
