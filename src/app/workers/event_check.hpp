// What comes from the broker is not the server's word: whoever may publish there can send anything.
#pragma once

#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::app {

// Whether a text is a room's id, which is safe as a folder's name.
bool IsRoomId(std::string_view text);
// Whether the message names a room, a type and a number as an event of the log does. kMalformed: what it lacks.
Status CheckEvent(const messaging::Message& event);
// Also when it happened.
Status CheckTimedEvent(const messaging::Message& event);
// Whether a text can be a value of an HTTP header: an id of an event is one.
bool IsHeaderValue(std::string_view text);

}  // namespace tidings::app
