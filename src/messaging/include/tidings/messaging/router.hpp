// Router: runs handlers for what comes out of queues.
//
//   Router router(transport, timers);
//   router.Subscribe("mails", Concurrency(8), Retry().Delayed(5s, 1min), [&](Context& context) -> Task<Status> {
//     co_return co_await Send(context.message());
//   });
//   Status started = co_await router.Start();
//
// A message is acknowledged when its handler succeeded and what it sent was accepted; it is retried, then buried among
// the dead letters, when it failed; it goes back uncounted when the Router stops. At least once: whoever may not do a
// thing twice uses an Inbox.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/handler.hpp>
#include <tidings/messaging/handler_settings.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

class Consumption;

class RouterStats {
 public:
  std::uint64_t handling = 0;  // now
  std::uint64_t waiting = 0;   // held in hand now: behind their key, or for their next try
  std::uint64_t done = 0;
  std::uint64_t retried = 0;
  std::uint64_t buried = 0;
  std::uint64_t returned = 0;   // uncounted
  std::uint64_t unsettled = 0;  // could not be settled, and come again: the lease was lost, the connection broke
  std::uint64_t abandoned = 0;  // handlers that did not end when they were cancelled at the deadline of Stop
};

class Router {
 public:
  // Both outlive it, and what it started: await Stop before they go.
  Router(Transport& transport, Timers& timers);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // For all handlers, outside of what they use themselves, in this order. REQUIRES: not started yet.
  void Use(std::shared_ptr<Middleware> middleware);

  // `parts` are HandlerOptions, each once, and last the handler; see handler.hpp. Several handlers may have one queue; they
  // compete for it. REQUIRES: not started yet.
  template <class... Parts>
  void Subscribe(std::string queue, Parts&&... parts) {
    HandlerSettings settings;
    Add(
        std::move(queue), std::move(settings), [](auto handler) { return ToHandler(std::move(handler)); },
        std::forward<Parts>(parts)...);
  }
  // The same for a handler of decoded messages.
  template <class E, class... Parts>
  void Subscribe(std::string queue, Parts&&... parts) {
    HandlerSettings settings;
    Add(
        std::move(queue), std::move(settings), [](auto handler) { return ToHandler<E>(std::move(handler)); },
        std::forward<Parts>(parts)...);
  }
  void SubscribeAny(std::string queue, HandlerSettings settings, AnyHandler handler);

  // Begins to take messages. kNotFound if a queue is missing, and then none is taken.
  Task<Status> Start();
  // Takes no more. What was not begun goes back uncounted; handlers have until the deadline to finish, then they are
  // cancelled and their messages go back uncounted too. A handler that does not end even so is left to itself after another
  // `grace`. May be started again after that. Idempotent.
  Task<void> Stop(std::chrono::milliseconds deadline = std::chrono::seconds(10),
                  std::chrono::milliseconds grace = std::chrono::seconds(1));
  bool running() const { return running_; }

  RouterStats stats() const;

 private:
  class Entry;

  template <class Make, class Handler>
  void Add(std::string queue, HandlerSettings settings, Make make, Handler&& handler) {
    static_assert(!HandlerOption<std::decay_t<Handler>>, "the handler comes last");
    if constexpr (requires { handler.Adjust(settings); }) handler.Adjust(settings);
    SubscribeAny(std::move(queue), std::move(settings), make(std::decay_t<Handler>(std::forward<Handler>(handler))));
  }
  template <class Make, HandlerOption Option, class... Rest>
    requires(sizeof...(Rest) > 0)
  void Add(std::string queue, HandlerSettings settings, Make make, Option&& option, Rest&&... rest) {
    std::forward<Option>(option).AddTo(settings);
    Add(std::move(queue), std::move(settings), std::move(make), std::forward<Rest>(rest)...);
  }

  Transport& transport_;
  Timers& timers_;
  Middlewares middlewares_;
  std::vector<std::unique_ptr<Entry>> entries_;
  bool running_ = false;
};

}  // namespace tidings::messaging
