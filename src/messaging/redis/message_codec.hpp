// How a message lies in Redis: lines that redis-cli shows, then the body as it is.
//
//   tidings1 0192f3a1-…        the format and the id
//   order.created              the type, perhaps empty
//   7                          the key, perhaps empty
//   traceparent 00-4bf9…       headers: a name, a blank, the value
//                              an empty line
//   {"order":7}                the body
//
// In type, key and values a backslash is written \\, a line end \n.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/messaging/message.hpp>

namespace tidings::redis {

using messaging::Message;

void AppendMessage(std::string& out, const Message& message);
// How many bytes AppendMessage appends.
std::size_t EncodedSize(const Message& message);
// Nothing if it is none of ours.
std::optional<Message> DecodeMessage(std::string_view bytes);
// The same into a message that is new; false, and anything in it, if it is none of ours.
bool DecodeMessage(std::string_view bytes, Message& message);

}  // namespace tidings::redis
