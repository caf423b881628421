#include "webhook/retry_after.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <tidings/base/bytes.hpp>

namespace tidings::app {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

// Which of the three letters each it is.
std::optional<std::size_t> IndexOf(std::string_view name, std::string_view names) {
  const std::size_t at = names.find(name);
  if (at == names.npos || at % 3 != 0) return std::nullopt;
  return at / 3;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<Millis> ParseHttpDate(std::string_view text) {
  if (text.size() != 29) return std::nullopt;
  const bool shaped = text.substr(3, 2) == ", " && text[7] == ' ' && text[11] == ' ' && text[16] == ' ';
  const auto month = IndexOf(text.substr(8, 3), "JanFebMarAprMayJunJulAugSepOctNovDec");
  if (!shaped || !month || !IndexOf(text.substr(0, 3), "SunMonTueWedThuFriSat") || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  std::string time(text.substr(12, 4));
  time.append(*month < 9 ? "-0" : "-").append(std::to_string(*month + 1));
  time.append("-").append(text.substr(5, 2)).append("T").append(text.substr(17, 8)).append(".000Z");
  return ParseTime(time);
}

}  // namespace

std::optional<milliseconds> RetryAfter(std::string_view header, Millis now) {
  if (const auto seconds = ParseWhole(header)) {
    return milliseconds(std::min<std::uint64_t>(*seconds, kMostRetryAfter / 1s) * 1'000);
  }
  const auto until = ParseHttpDate(header);
  if (!until) return std::nullopt;
  return std::clamp(milliseconds(*until - now), milliseconds(0), kMostRetryAfter);
}

}  // namespace tidings::app
