// What the archive says of an event, one line of JSON, and how a deleted message's content is taken out of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::app {

class ArchiveLine {
 public:
  std::string room;
  std::string day;      // UTC, of the event
  std::uint64_t seq = 0;
  std::string message;  // whose event it is
  std::string quoted;   // the message that it replies to; empty: none
  std::string created;  // the day on which the message was created
  bool deletes = false;
  std::string text;     // {"type","id","room","seq","at","data"}, with its line end
};

// kMalformed: it is no event of a message.
Result<ArchiveLine> MakeArchiveLine(const messaging::Message& event);
// The line without what the deleted message said, also where another message quotes it, and with "redacted": true; nothing if it
// says none of it (any more).
std::optional<std::string> RedactLine(std::string_view line, std::string_view message);

}  // namespace tidings::app
