// Where a message was published, and where it waited, kept with it: a transport's messages do not know.
#pragma once

#include <array>
#include <string_view>

#include <tidings/messaging/message.hpp>
#include <tidings/messaging/rabbitmq/amqp_server.hpp>

namespace tidings::messaging::rabbitmq {

inline constexpr std::string_view kOriginExchange = "amqp-exchange";
inline constexpr std::string_view kOriginKey = "amqp-routing-key";
// The queue that it waited in last, and how often it did.
inline constexpr std::string_view kDelayedIn = "amqp-delayed-in";
inline constexpr std::string_view kDelayedTimes = "amqp-delayed-times";
inline constexpr std::array<std::string_view, 4> kOriginHeaders = {kOriginExchange, kOriginKey, kDelayedIn,
                                                                   kDelayedTimes};

inline void NoteOrigin(Message& message, const PublishedAt& at) {
  message.headers.Set(kOriginExchange, at.exchange);
  message.headers.Set(kOriginKey, at.routing_key);
}

}  // namespace tidings::messaging::rabbitmq
