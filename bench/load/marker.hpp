// What the generator writes into each message's text, to know it again: the stream (the room's index in this run), a
// counter that is dense per stream, and when it was sent. Of fixed width, so that it is found by its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::bench {

struct Marker {
  static constexpr std::string_view kBegin = "~#";
  static constexpr std::size_t kSize = 2 + 5 + 10 + 16 + 1;

  std::uint32_t stream = 0;
  std::uint64_t counter = 0;
  std::uint64_t sent_at = 0;  // NowMicros
};

// A text of `size` bytes (at least Marker::kSize) that begins with the marker.
inline std::string MarkedText(const Marker& marker, std::size_t size) {
  constexpr std::string_view kFiller = " the quick brown fox jumps over the lazy dog while nobody looks";
  std::string text(Marker::kBegin);
  const auto append = [&text](std::uint64_t number, std::size_t digits) {
    text.append(digits, '0');
    for (std::size_t at = text.size() - 1; number != 0; number /= 10) text[at--] = static_cast<char>('0' + number % 10);
  };
  append(marker.stream, 5);
  append(marker.counter, 10);
  append(marker.sent_at, 16);
  text.push_back('~');
  while (text.size() < size) text.append(kFiller.substr(0, size - text.size()));
  return text;
}

// REQUIRES: `text` begins with a marker.
inline Marker ParseMarker(std::string_view text) {
  const auto number = [text](std::size_t at, std::size_t digits) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
    return value;
  };
  return {.stream = static_cast<std::uint32_t>(number(2, 5)), .counter = number(7, 10), .sent_at = number(17, 16)};
}

}  // namespace tidings::bench
