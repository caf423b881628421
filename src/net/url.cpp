#include "url.hpp"

#include <algorithm>

#include <tidings/base/bytes.hpp>

#include "field_text.hpp"

namespace tidings::net {

namespace {

// Turns escapes into bytes; false if one is broken, which then stays as it is.
bool Unescape(std::string_view text, std::string& out) {
  bool whole = true;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      whole = whole && text[i] != '%';
      out += text[i];
    }
  }
  return whole;
}

// U+FFFD for NUL and for each byte that begins no character.
std::string Repaired(std::string_view bytes) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string out;
  while (!bytes.empty()) {
    std::size_t length = 1;
    while (length <= std::min<std::size_t>(4, bytes.size()) && !IsUtf8(bytes.substr(0, length))) ++length;
    if (length > std::min<std::size_t>(4, bytes.size()) || bytes.front() == '\0') {
      out += kReplacement;
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return out;
}

// REQUIRES: what DecodePath takes, with a slash at its begin.
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    Unescape(path.substr(0, end), segments.emplace_back());
    path.remove_prefix(end);
  }
  return segments;
}

// Cuts the scheme and the host off an absolute target.
std::optional<std::string_view> OriginForm(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t host = target.find_first_of("/?");
    if (host == target.npos) return "/";
    if (host == 0) return std::nullopt;
    return target.substr(host);
  }
  return target;
}

}  // namespace

std::optional<std::string> DecodePath(std::string_view text) {
  std::string out;
  if (!Unescape(text, out) || out.find('\0') != out.npos || !IsUtf8(out)) return std::nullopt;
  return out;
}

std::string DecodeQuery(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  std::string out;
  Unescape(plain, out);
  if (out.find('\0') == out.npos && IsUtf8(out)) return out;
  return Repaired(out);
}

std::optional<Target> ParseTarget(std::string_view target) {
  if (target == "*") return Target{.path = "*", .segments = {}, .query = {}};
  const auto origin = OriginForm(target);
  if (!origin) return std::nullopt;
  std::string_view rest = origin->substr(0, origin->find('#'));
  const std::size_t mark = rest.find('?');
  const std::string_view path = rest.substr(0, mark);
  Target parsed;
  auto decoded = DecodePath(path.empty() ? "/" : path);
  if (!decoded || !decoded->starts_with('/')) return std::nullopt;
  parsed.path = std::move(*decoded);
  parsed.segments = Segments(path.empty() ? "/" : path);
  rest = mark == rest.npos ? std::string_view() : rest.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    parsed.query.emplace_back(DecodeQuery(pair.substr(0, equals)),
                              DecodeQuery(equals == pair.npos ? std::string_view() : pair.substr(equals + 1)));
  }
  return parsed;
}

}  // namespace tidings::net
