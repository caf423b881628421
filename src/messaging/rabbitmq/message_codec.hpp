// Message ↔ AMQP content: which property carries what, so that other clients see a message as they would expect it.
//
//   message-id ← id · type ← type · content-type, content-encoding, correlation-id, reply-to ← the headers of these names ·
//   timestamp (seconds) ← header tidings-time, kept in the table too for its milliseconds · headers table ← all others, texts
//   as long strings (what is no UTF-8 as byte arrays), and "tidings-key" ← key
//
// Values of another type, which another client wrote, are texts among the headers; "amqp-types" (value_types.hpp) brings them
// back when the message is sent again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::messaging::rabbitmq {

// Why a message is where it is, as a server tells it: x-death with one entry, and x-first-death-….
class Death {
 public:
  std::string_view reason;  // RabbitMQ's words
  std::string queue;        // in which it died
  std::string exchange;
  std::string routing_key;
  std::uint64_t count = 1;
  Millis at = 0;
};

class Publication {
 public:
  std::string_view exchange;
  std::string_view routing_key;
  bool persistent = true;
  std::string_view expiration;                // milliseconds in decimal; empty: none
  std::span<const std::string> numbers;       // headers that travel as numbers where their value is a whole one
  std::string_view stamp;                     // beside the message, for whoever looks for it in a stream; empty: none
  std::span<const std::string_view> omitted;  // headers that stay here
  std::uint32_t failed_deliveries = 0;        // x-delivery-count, which a server tells
  const Death* death = nullptr;               // so is this

  bool Omits(std::string_view name) const { return std::ranges::find(omitted, name) != omitted.end(); }
};

// The frames of basic.publish with all its content. `mandatory` always: what reaches no queue comes back.
// REQUIRES: Check(message).
void AppendMessage(std::string& out, std::uint16_t channel, std::size_t frame_max, const Publication& publication,
                   const Message& message);

// The same without the method: what follows basic.deliver, basic.get-ok and basic.return too.
void AppendContent(std::string& out, std::uint16_t channel, std::size_t frame_max, const Publication& publication,
                   const Message& message);

// What came with it but is no part of a message.
class Received {
 public:
  Message message;
  std::uint32_t deliveries = 1;         // this time included: from x-delivery-count, else 2 if it was redelivered
  std::optional<std::uint64_t> offset;  // in the stream that it was read from
  std::string stamp;                    // of its publication
};

enum class Strictness {
  kStrict,   // what exceeds a message's bounds is an error
  kLenient,  // what exceeds them is left out: for queues of dead letters, where there is nowhere else to put it
};

// Reads properties (with their flags) and takes the body. Without an id it gets a new one; one that is none of ours is
// made one by percent-encoding; what the broker adds ("x-death", "x-stream-offset") is left out. From the queue of another
// queue's dead letters, what RabbitMQ says about its death is translated into the library's headers. kInvalid: undecodable.
Result<Received> ReadMessage(std::string_view properties, std::string& body, bool redelivered, std::string_view queue,
                             Strictness strictness);

// How often the message had been in `queue` by the word of x-death in its table of headers.
std::uint64_t TimesInDeaths(std::string_view headers, std::string_view queue);

// The id of a message that was returned; "" if it has none.
std::string_view MessageIdOf(std::string_view properties);

}  // namespace tidings::messaging::rabbitmq
