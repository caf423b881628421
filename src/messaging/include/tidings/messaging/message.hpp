// Message: what is published and handled.
//
//   Message message("order.created", R"({"order":7})");
//   message.key = "7";
//   auto published = co_await transport.Publish(Address::Exchange("orders", "order.created"), std::move(message));
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/base/error.hpp>
#include <tidings/messaging/headers.hpp>

namespace tidings::messaging {

// A class with constructors, never an aggregate, so that it may be passed inside a co_await expression by compilers that
// destroy aggregate temporaries twice there (g++ 12).
class Message {
 public:
  static constexpr std::size_t kMostId = 128;
  static constexpr std::size_t kMostKey = 255;
  static constexpr std::size_t kMostBody = 16 * 1024 * 1024;

  Message() = default;
  // With a new id, a UUIDv7.
  explicit Message(std::string body);
  Message(std::string type, std::string body);
  static Message WithId(std::string id, std::string type, std::string body);

  std::string id;    // unique; the same on every try and copy, so that consumers drop repeats by it
  std::string type;  // what the body is, "order.created"; may be empty
  std::string key;   // messages of one key are handled in order (Router's KeyBy); empty: no order
  Headers headers;
  std::string body;  // bytes

  friend bool operator==(const Message&, const Message&) = default;
};

// Whether a transport may take it: an id, printable ASCII of at most kMostId characters, and every bound kept.
Status Check(const Message& message);

// A new message that follows from `cause`: correlation id inherited (the cause's id if it has none), causation id set,
// traceparent passed on.
Message Following(const Message& cause, std::string type, std::string body);

}  // namespace tidings::messaging
