#include <tidings/base/json_mending.hpp>

#include <charconv>

namespace tidings::json {

namespace {

bool IsHighSurrogate(unsigned unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLowSurrogate(unsigned unit) { return unit >= 0xdc00 && unit < 0xe000; }

// The UTF-16 unit whose escape `text` begins with; 0 if it begins otherwise.
unsigned EscapedUnit(std::string_view text) {
  constexpr std::size_t kLength = 6;
  if (text.size() < kLength || !text.starts_with("\\u")) return 0;
  unsigned unit = 0;
  const char* end = text.data() + kLength;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  return error == std::errc() && stop == end ? unit : 0;
}

}  // namespace

std::optional<std::string> WithoutLoneSurrogates(std::string_view text) {
  constexpr std::string_view kReplacement = "\\ufffd";
  std::string mended;
  std::size_t taken = 0;
  for (std::size_t at = text.find('\\'); at != text.npos; at = text.find('\\', at)) {
    const unsigned unit = EscapedUnit(text.substr(at));
    if (!IsHighSurrogate(unit) && !IsLowSurrogate(unit)) {
      at += 2;
      continue;
    }
    const std::size_t next = at + kReplacement.size();
    if (IsHighSurrogate(unit) && IsLowSurrogate(EscapedUnit(text.substr(next)))) {
      at = next + kReplacement.size();
      continue;
    }
    mended.append(text, taken, at - taken).append(kReplacement);
    taken = at = next;
  }
  if (taken == 0) return std::nullopt;
  return mended.append(text, taken);
}

Result<value> ParseMending(std::string_view& text, std::string& mended) {
  auto parsed = Parse(text);
  if (parsed) return parsed;
  auto without = WithoutLoneSurrogates(text);
  if (!without) return parsed;
  mended = std::move(*without);
  text = mended;
  return Parse(text);
}

}  // namespace tidings::json
