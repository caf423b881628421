#include <tidings/chat/trace_parent.hpp>

#include <algorithm>

#include "fields.hpp"

namespace tidings::chat {

namespace {

// In records of both kinds, whose own tags are below it.
constexpr std::uint8_t kTraceParent = 64;

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsTraceId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

bool IsTraceParent(std::string_view text) {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-' &&
         IsTraceId(text.substr(3, 32)) && IsTraceId(text.substr(36, 16)) && IsLowerHex(text.substr(53));
}

std::string WithTraceParent(std::string record, std::string_view trace_parent) {
  FieldWriter(record).Text(kTraceParent, trace_parent);
  return record;
}

std::string TraceParentOf(const eventing::StoredEvent& event) {
  FieldReader reader(event.data);
  std::string_view found;
  while (const auto field = reader.Next()) {
    if (field->tag == kTraceParent) found = field->text;
  }
  return reader.Sound() && IsTraceParent(found) ? std::string(found) : std::string();
}

}  // namespace tidings::chat
