#include <tidings/messaging/streams.hpp>

#include <charconv>

namespace tidings::messaging {
namespace {

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
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
