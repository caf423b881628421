// What the queue shows of an event: the message that is published for it.
#pragma once

#include <optional>
#include <string>

#include <tidings/chat/reader.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::app {

// Of the exchange that every event is published to, with its type as routing key, and of the queue of messages.
inline constexpr std::string_view kEventsExchange = "tidings.events";
inline constexpr std::string_view kMessagesQueue = "chat_messages";
inline constexpr std::string_view kMessageCreated = "message.created";

// The header with the event's number in its room; a whole number where the broker tells numbers from texts.
inline constexpr std::string_view kSeqHeader = "seq";

// Body (application/json): the message document for message.created, the event for all others. The id is the event's,
// the key its room. Headers: CloudEvents 1.0 in the AMQP binding (§3.1.3.1), `seq`, and `traceparent` if the event has one.
// Nothing if the event is damaged.
// `source` is the server's CloudEvents source, a URI reference.
std::optional<messaging::Message> QueueMessage(const chat::LogEvent& event, const chat::QuoteSource& quotes,
                                               std::string_view source);

}  // namespace tidings::app
