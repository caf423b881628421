#include <tidings/base/bytes.hpp>
#include <tidings/chat/engine.hpp>

namespace tidings::chat {

// "17", "17:5" or "17:5:120": position, join, replayed.
std::string Offset::Text() const {
  std::string out = std::to_string(position);
  if (join == 0) return out;
  out += ':';
  out += std::to_string(join);
  if (!replayed) return out;
  out += ':';
  out += std::to_string(*replayed);
  return out;
}

std::optional<Offset> Offset::Parse(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  for (;;) {
    const std::size_t end = text.find(':');
    const auto number = ParseWhole(text.substr(0, end));
    if (!number || numbers.size() == 3) return std::nullopt;
    numbers.push_back(*number);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  Offset offset{numbers[0], 0, std::nullopt};
  if (numbers.size() > 1) offset.join = numbers[1];
  if (numbers.size() > 2) offset.replayed = numbers[2];
  return offset;
}

}  // namespace tidings::chat
