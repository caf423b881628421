#include <tidings/messaging/message.hpp>

#include <algorithm>

#include <tidings/base/clock.hpp>
#include <tidings/base/id.hpp>

namespace tidings::messaging {
namespace {

bool PrintableAscii(std::string_view text) {
  // All of it is looked at, without a way out between: then it takes a few instructions for many characters.
  bool other = false;
  for (const char c : text) other |= static_cast<signed char>(c) <= 0x20 || c == 0x7f;
  return !other;
}

Status CheckHeaders(const Headers& headers) {
  if (headers.size() > Headers::kMostHeaders) {
    return Fail(ErrorCode::kTooLarge, "a message has at most " + std::to_string(Headers::kMostHeaders) +
                                          " headers, not " + std::to_string(headers.size()));
  }
  if (headers.Bytes() > Headers::kMostHeaderBytes) {
    return Fail(ErrorCode::kTooLarge, "a message's headers have at most " + std::to_string(Headers::kMostHeaderBytes) +
                                          " bytes, not " + std::to_string(headers.Bytes()));
  }
  for (const auto& [name, value] : headers) {
    if (name.empty() || name.size() > 128 || !PrintableAscii(name)) {
      return Fail(ErrorCode::kInvalid, "a header's name is 1 to 128 printable ASCII characters without blanks");
    }
  }
  return {};
}

}  // namespace

Message::Message(std::string body_) : Message(std::string(), std::move(body_)) {}

Message::Message(std::string type_, std::string body_)
    : id(Uuid::Random(SystemClock().Now()).Text()), type(std::move(type_)), body(std::move(body_)) {}

Message Message::WithId(std::string id, std::string type, std::string body) {
  Message message;
  message.id = std::move(id);
  message.type = std::move(type);
  message.body = std::move(body);
  return message;
}

Status Check(const Message& message) {
  if (message.id.empty() || message.id.size() > Message::kMostId || !PrintableAscii(message.id)) {
    return Fail(ErrorCode::kInvalid, "a message's id is 1 to 128 printable ASCII characters without blanks");
  }
  if (message.type.size() > Message::kMostKey) {
    return Fail(ErrorCode::kTooLarge, "a message's type has at most 255 bytes");
  }
  if (message.key.size() > Message::kMostKey) {
    return Fail(ErrorCode::kTooLarge, "a message's key has at most 255 bytes");
  }
  if (message.body.size() > Message::kMostBody) {
    return Fail(ErrorCode::kTooLarge, "a message's body has at most " + std::to_string(Message::kMostBody) +
                                          " bytes, not " + std::to_string(message.body.size()) +
                                          "; keep large content elsewhere and send its address");
  }
  return CheckHeaders(message.headers);
}

Message Following(const Message& cause, std::string type, std::string body) {
  Message message(std::move(type), std::move(body));
  const auto correlation = cause.headers.Find(header::kCorrelationId);
  message.headers.Set(header::kCorrelationId, std::string(correlation ? *correlation : std::string_view(cause.id)));
  message.headers.Set(header::kCausationId, cause.id);
  if (const auto trace = cause.headers.Find(header::kTraceParent)) {
    message.headers.Set(header::kTraceParent, std::string(*trace));
  }
  return message;
}

}  // namespace tidings::messaging
