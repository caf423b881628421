#include <tidings/base/bytes.hpp>
#include <tidings/chat/engine.hpp>

namespace tidings::chat {

// "17", "17:5" or "17:5:120": position, join, replayed; each may end in "!40": told.
std::string Offset::Text() const {
  std::string out = std::to_string(position);
  if (join != 0) {
    out += ':';
    out += std::to_string(join);
    if (replayed) {
      out += ':';
      out += std::to_string(*replayed);
    }
  }
  if (told != 0) {
    out += '!';
    out += std::to_string(told);
  }
  return out;
}

std::optional<Offset> Offset::Parse(std::string_view text) {
  Offset offset;
  if (const std::size_t mark = text.find('!'); mark != std::string_view::npos) {
    const auto told = ParseWhole(text.substr(mark + 1));
    if (!told) return std::nullopt;
    offset.told = *told;
    text = text.substr(0, mark);
  }
  std::vector<std::uint64_t> numbers;
  for (;;) {
    const std::size_t end = text.find(':');
    const auto number = ParseWhole(text.substr(0, end));
    if (!number || numbers.size() == 3) return std::nullopt;
    numbers.push_back(*number);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  offset.position = numbers[0];
  if (numbers.size() > 1) offset.join = numbers[1];
  if (numbers.size() > 2) offset.replayed = numbers[2];
  return offset;
}

}  // namespace tidings::chat
