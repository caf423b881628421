// Handler: what may be given to Router::Subscribe, and how it becomes an AnyHandler.
//
//   [](Context& context) -> Task<Status> { … }                           // the message is context.message()
//   [&](const OrderPlaced& order) -> Task<void> { … }                    // Subscribe<OrderPlaced>; a throw is a failure
//   [](const OrderPlaced& order, Context& context) -> Task<Outgoing> {   // returns what to send
//     co_return Outgoing(Address::Queue("mails"), context.Follow("mail", order.email));
//   }
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/messaging/codec.hpp>
#include <tidings/messaging/context.hpp>
#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {
namespace detail {

template <class T>
class Awaited {};
template <class T>
class Awaited<Task<T>> {
 public:
  using Type = T;
};
template <class T>
using AwaitedT = typename Awaited<T>::Type;

// What a handler's value means: success, failure, or messages to send.
inline Status Take(Context&, Status status) { return status; }
inline Status Take(Context& context, Outgoing outgoing) {
  context.Send(std::move(outgoing));
  return {};
}
inline Status Take(Context& context, std::optional<Outgoing> outgoing) {
  if (outgoing) context.Send(std::move(*outgoing));
  return {};
}
inline Status Take(Context& context, std::vector<Outgoing> outgoing) {
  for (Outgoing& each : outgoing) context.Send(std::move(each));
  return {};
}
template <class T>
  requires(!std::is_void_v<T>)
Status Take(Context& context, Result<T> result) {
  if (!result) return std::unexpected(std::move(result.error()));
  return Take(context, std::move(*result));
}

template <class T>
concept Answer = std::is_void_v<T> || requires(Context& context, T value) { Take(context, std::move(value)); };

template <class T>
Task<Status> Settle(Context& context, Task<T> handling) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(handling);
    co_return Status();
  } else {
    T value = co_await std::move(handling);
    co_return Take(context, std::move(value));
  }
}

}  // namespace detail

template <class H>
concept RawHandler =
    requires(H& handler, Context& context) { requires detail::Answer<detail::AwaitedT<decltype(handler(context))>>; };

// Takes a decoded E, alone or with the Context.
template <class H, class E>
concept EventHandler = requires(H& handler, const E& event) {
  requires detail::Answer<detail::AwaitedT<decltype(handler(event))>>;
} || requires(H& handler, const E& event, Context& context) {
  requires detail::Answer<detail::AwaitedT<decltype(handler(event, context))>>;
};

template <RawHandler H>
AnyHandler ToHandler(H handler) {
  if constexpr (std::same_as<decltype(handler(std::declval<Context&>())), Task<Status>>) {
    return AnyHandler(std::move(handler));
  } else {
    return AnyHandler([handler = std::move(handler)](Context& context) mutable -> Task<Status> {
      return detail::Settle(context, handler(context));
    });
  }
}

// A body that `codec` cannot read goes to the dead letters as it came.
template <class E, class C = CodecFor<E>, EventHandler<E> H>
  requires Codec<C, E>
AnyHandler ToHandler(H handler, C codec = C()) {
  return AnyHandler([handler = std::move(handler), codec = std::move(codec)](Context& context) mutable -> Task<Status> {
    Result<E> event = codec.Decode(context.message().body);
    if (!event) co_return context.RejectUndecodable(event.error().message());
    if constexpr (requires { handler(*event, context); }) {
      co_return co_await detail::Settle(context, handler(*event, context));
    } else {
      co_return co_await detail::Settle(context, handler(*event));
    }
  });
}

}  // namespace tidings::messaging
