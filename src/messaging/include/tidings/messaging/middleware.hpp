// Middleware: what stands around handlers, one idea each.
//
//   class Greeting final : public Middleware {
//     Task<Verdict> Handle(Context& context, Next next) override {
//       log::Info("handling", {{"id", context.message().id}});
//       return next(context);
//     }
//   };
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <tidings/messaging/context.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/verdict.hpp>

namespace tidings::messaging {

using AnyHandler = std::move_only_function<Task<Status>(Context&)>;

// The rest of the chain. May be called once, several times or not at all; cheap to copy.
class Next {
 public:
  Next(std::span<const std::shared_ptr<Middleware>> rest, AnyHandler& handler) : rest_(rest), handler_(&handler) {}
  Task<Verdict> operator()(Context& context) const;

 private:
  std::span<const std::shared_ptr<Middleware>> rest_;
  AnyHandler* handler_;
};

// One object serves all messages of the handlers that use it; its Handle runs for several of them at once. What it
// throws counts as a failure of the handler.
class Middleware {
 public:
  virtual ~Middleware() = default;
  virtual Task<Verdict> Handle(Context& context, Next next) = 0;
  // Before a message that the handler sends is published.
  virtual void Sending(const Context& context, Message& message) { (void)context, (void)message; }
  // After it was settled so: a failure is kRetry or kBury by now.
  virtual void Settled(const Context& context, const Verdict& verdict) { (void)context, (void)verdict; }
  // The router drains: let go whoever waits here, with Verdict::Return.
  virtual void Stopping() {}
};

}  // namespace tidings::messaging
