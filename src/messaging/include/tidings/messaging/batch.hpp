// Batch: a handler that gets up to `most` messages, or what came within `wait` of the first.
//
//   router.Subscribe("clicks", Batch(100, 50ms, [&](const std::vector<Message>& clicks) -> Task<Status> {
//     co_return co_await Insert(clicks);
//   }));
//
// Each message keeps its own tries and dead letter. What the handler returns holds for all of them; a handler that
// returns one Status a message settles each by its own.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <tidings/messaging/context.hpp>
#include <tidings/messaging/handler.hpp>
#include <tidings/messaging/handler_settings.hpp>

namespace tidings::messaging {

class Batch {
 public:
  using ForAll = std::function<Task<Status>(const std::vector<Message>&)>;
  using ForEach = std::function<Task<std::vector<Status>>(const std::vector<Message>&)>;

  template <class H>
  Batch(std::size_t most, std::chrono::milliseconds wait, H handler) : Batch(most, wait) {
    if constexpr (std::convertible_to<H, ForEach>) {
      Set(ForEach(std::move(handler)));
    } else {
      Set(ForAll(std::move(handler)));
    }
  }

  Task<Status> operator()(Context& context) const;
  // As many run at once as a batch holds; the Router asks.
  void Adjust(HandlerSettings& settings) const;

 private:
  class State;
  Batch(std::size_t most, std::chrono::milliseconds wait);
  void Set(ForEach handler);
  void Set(ForAll handler);
  std::shared_ptr<State> state_;
};

}  // namespace tidings::messaging
