#include <tidings/messaging/redis/redis_url.hpp>

#include <charconv>
#include <optional>

namespace tidings::redis {
namespace {

std::unexpected<Error> Wrong(std::string_view what) {
  return Fail(ErrorCode::kInvalid,
              "this is no address of a Redis: " + std::string(what) + "; write redis://:password@host:6379/0");
}

template <class Number>
std::optional<Number> Parsed(std::string_view text) {
  Number number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::string> Decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    unsigned char byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || end.ptr != digits.data() + 2) return std::nullopt;
    plain += static_cast<char>(byte);
    i += 2;
  }
  return plain;
}

}  // namespace

Result<RedisUrl> RedisUrl::Parse(std::string_view url) {
  constexpr std::string_view kScheme = "redis://";
  if (url.starts_with("rediss://")) {
    return Fail(ErrorCode::kInvalid, "rediss:// (TLS) is not spoken here; put a TLS proxy such as stunnel beside it");
  }
  if (!url.starts_with(kScheme)) return Wrong("it does not begin with redis://");
  url.remove_prefix(kScheme.size());
  RedisUrl parsed;
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    url = url.substr(0, slash);
    if (!database.empty()) {
      const auto number = Parsed<std::uint32_t>(database);
      if (!number) return Wrong("its database is no number");
      parsed.database = *number;
    }
  }
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    url.remove_prefix(at + 1);
    const std::size_t colon = who.find(':');
    if (colon == std::string_view::npos) return Wrong("before the @ stands no password");
    const auto user = Decoded(who.substr(0, colon));
    const auto password = Decoded(who.substr(colon + 1));
    if (!user || !password) return Wrong("its user or password is not percent-encoded as it should be");
    parsed.user = *user;
    parsed.password = *password;
  }
  std::size_t host_end = url.rfind(':');
  if (url.starts_with('[')) {
    const std::size_t close = url.find(']');
    if (close == std::string_view::npos) return Wrong("its host has no closing bracket");
    parsed.host = url.substr(1, close - 1);
    host_end = close + 1 < url.size() ? close + 1 : std::string_view::npos;
    if (host_end != std::string_view::npos && url[host_end] != ':') return Wrong("after its host stands no port");
  } else {
    parsed.host = url.substr(0, host_end);
  }
  if (parsed.host.empty()) return Wrong("it has no host");
  if (host_end != std::string_view::npos) {
    const auto port = Parsed<std::uint16_t>(url.substr(host_end + 1));
    if (!port || *port == 0) return Wrong("its port is no number of 1 to 65535");
    parsed.port = *port;
  }
  return parsed;
}

std::string RedisUrl::Text() const {
  const bool colon = host.contains(':');
  return "redis://" + (user.empty() ? "" : user + "@") + (colon ? "[" + host + "]" : host) + ":" +
         std::to_string(port) + "/" + std::to_string(database);
}

}  // namespace tidings::redis
