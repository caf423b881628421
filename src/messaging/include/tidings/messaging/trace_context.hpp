// TraceContext: one trace through all that follows from a message, by W3C Trace Context (§3.2) in the `traceparent` header.
//
//   router.Use(std::make_shared<TraceContext>());
//
// Each handling is a span of its own: a child of the message's, or the root of a new trace. Its traceparent is
// context.trace_parent(), and what the handler sends bears it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {

class TraceParent {
 public:
  // Nothing if it is not well-formed: its sender then counts as having none.
  static std::optional<TraceParent> Parse(std::string_view text);
  // A new trace, not sampled.
  static TraceParent Root();
  // A new span of the same trace.
  TraceParent Child() const;

  std::string Text() const;
  const std::string& trace_id() const { return trace_id_; }  // 32 hexadecimal digits
  const std::string& span_id() const { return span_id_; }    // 16
  bool sampled() const { return sampled_; }

 private:
  TraceParent(std::string trace_id, std::string span_id, bool sampled)
      : trace_id_(std::move(trace_id)), span_id_(std::move(span_id)), sampled_(sampled) {}
  std::string trace_id_;
  std::string span_id_;
  bool sampled_;
};

class TraceContext final : public Middleware {
 public:
  Task<Verdict> Handle(Context& context, Next next) override;
  void Sending(const Context& context, Message& message) override;
};

}  // namespace tidings::messaging
