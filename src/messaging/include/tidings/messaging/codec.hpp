// Codec: how a type of the user's is written into a message's body and read from it.
//
//   class OrderPlaced {
//    public:
//     static constexpr std::string_view kType = "order.placed";
//     std::string order_id;
//     std::string email;
//   };
//   BOOST_DESCRIBE_STRUCT(OrderPlaced, (), (order_id, email))   // <boost/describe.hpp>: read and written as JSON
//
// Without a description, either Boost.JSON's tag_invoke, or members `std::string Encode() const` and
// `static Result<E> Decode(std::string_view)`, or a codec of its own, named by `using TidingsCodec = …;`.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/base/error.hpp>
#include <tidings/messaging/json_codec.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::messaging {

template <class C, class E>
concept Codec = requires(const C& codec, const E& event, std::string_view body) {
  { codec.Encode(event) } -> std::convertible_to<std::string>;
  { codec.Decode(body) } -> std::same_as<Result<E>>;
  { C::kContentType } -> std::convertible_to<std::string_view>;
};

// By the type's own Encode and Decode.
template <class E>
class OwnCodec {
 public:
  static constexpr std::string_view kContentType = "application/octet-stream";
  std::string Encode(const E& event) const { return event.Encode(); }
  Result<E> Decode(std::string_view body) const { return E::Decode(body); }
};

namespace detail {

template <class E>
auto ChooseCodec() {
  if constexpr (requires { typename E::TidingsCodec; }) {
    return typename E::TidingsCodec();
  } else if constexpr (requires(const E& event, std::string_view body) {
                         event.Encode();
                         E::Decode(body);
                       }) {
    return OwnCodec<E>();
  } else {
    return JsonCodec<E>();
  }
}

}  // namespace detail

template <class E>
using CodecFor = decltype(detail::ChooseCodec<E>());

// A type whose name its messages bear.
template <class E>
concept Event = requires {
  { E::kType } -> std::convertible_to<std::string_view>;
} && Codec<CodecFor<E>, E>;

// A new message of it.
template <Event E>
Message ToMessage(const E& event) {
  Message message(std::string(E::kType), CodecFor<E>().Encode(event));
  message.headers.Set(header::kContentType, std::string(CodecFor<E>::kContentType));
  return message;
}

}  // namespace tidings::messaging
