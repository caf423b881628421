#include "event_check.hpp"

#include <algorithm>

#include <tidings/base/clock.hpp>

#include "lane.hpp"

namespace tidings::app {
namespace {

constexpr std::size_t kMostId = 64;
constexpr std::size_t kMostType = 64;
constexpr std::size_t kMostValue = 255;
// What readers of JSON take for a whole number.
constexpr std::uint64_t kMostSeq = 9'007'199'254'740'991;

std::unexpected<Error> Lacks(std::string_view what) {
  return Fail(ErrorCode::kMalformed, "this is no event of the log: it has no " + std::string(what));
}

}  // namespace

bool IsRoomId(std::string_view text) {
  return !text.empty() && text.size() <= kMostId && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Status CheckEvent(const messaging::Message& event) {
  if (!IsRoomId(KeyOf(event))) return Lacks("room");
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '.'; };
  if (event.type.empty() || event.type.size() > kMostType || !std::ranges::all_of(event.type, fits)) {
    return Lacks("type");
  }
  const std::uint64_t seq = event.headers.Number("seq").value_or(0);
  if (seq == 0 || seq > kMostSeq) return Lacks("number");
  return {};
}

Status CheckTimedEvent(const messaging::Message& event) {
  if (Status checked = CheckEvent(event); !checked) return checked;
  if (!ParseTime(event.headers.Get("cloudEvents:time"))) return Lacks("time");
  return {};
}

bool IsHeaderValue(std::string_view text) {
  const auto fits = [](char c) { return c > 0x20 && c < 0x7f; };
  return !text.empty() && text.size() <= kMostValue && std::ranges::all_of(text, fits);
}

}  // namespace tidings::app
