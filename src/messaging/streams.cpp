#include <tidings/messaging/streams.hpp>

#include <algorithm>
#include <charconv>

namespace tidings::messaging {
namespace {

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  // Without from_chars where it cannot be too large: every entry that is read has two.
  constexpr std::size_t kSurelyFits = 19;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() <= kSurelyFits && std::ranges::all_of(text, is_digit) && !text.empty()) {
    for (const char c : text) number = number * 10 + static_cast<std::uint64_t>(c - '0');
    return number;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<StreamId> StreamId::Parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto major = ParseNumber(text.substr(0, dash));
  if (!major) return std::nullopt;
  if (dash == std::string_view::npos) return StreamId(*major, 0);
  const auto minor = ParseNumber(text.substr(dash + 1));
  if (!minor) return std::nullopt;
  return StreamId(*major, *minor);
}

std::string StreamId::Text() const { return std::to_string(major_) + "-" + std::to_string(minor_); }

}  // namespace tidings::messaging
