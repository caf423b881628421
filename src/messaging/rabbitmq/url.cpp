#include "url.hpp"

#include <charconv>

#include <tidings/base/bytes.hpp>

#include "take_until.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

std::unexpected<Error> Wrong(const std::string& what) {
  return Fail(ErrorCode::kInvalid,
              "the AMQP address " + what + "; it looks like amqp://user:password@host:5672/vhost?heartbeat=10");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::uint16_t> Number16(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

Status ReadUser(std::string_view text, Url& url) {
  const bool has_password = text.find(':') != std::string_view::npos;
  const auto user = Decode(TakeUntil(text, ':'));
  const auto password = Decode(text);
  if (!user || !password) return Wrong("has a broken percent-escape in its user or password");
  if (user->size() > 255 || password->size() > 1024) return Wrong("has a user or password that is too long");
  url.user = *user;
  if (has_password) url.password = *password;
  return {};
}

Status ReadHost(std::string_view text, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {  // IPv6
    text.remove_prefix(1);
    if (text.find(']') == std::string_view::npos) return Wrong("has a [ without its ]");
    url.host = TakeUntil(text, ']');
    if (!text.empty() && !text.starts_with(':')) return Wrong("has something between its host and its port");
    port = text.empty() ? text : text.substr(1);
  } else {
    const std::string_view host = TakeUntil(text, ':');
    if (!host.empty()) url.host = host;
    port = text;
  }
  if (!port.empty()) {
    const auto number = Number16(port);
    if (!number || *number == 0) return Wrong("has a port that is no number from 1 to 65535");
    url.port = *number;
  }
  return {};
}

Status ReadQuery(std::string_view query, Url& url) {
  while (!query.empty()) {
    std::string_view value = TakeUntil(query, '&');
    const std::string_view name = TakeUntil(value, '=');
    const auto decoded = Decode(value);
    if (!decoded) return Wrong("has a broken percent-escape in its query");
    if (name == "heartbeat") {
      url.heartbeat = Number16(*decoded);
      if (!url.heartbeat) return Wrong("has a heartbeat that is no number of seconds");
    } else if (name == "cacertfile") {
      url.ca_file = *decoded;
    } else if (name == "verify") {
      if (*decoded != "verify_peer" && *decoded != "verify_none") {
        return Wrong("has a verify= that is neither verify_peer nor verify_none");
      }
      url.verify = *decoded == "verify_peer";
    }
    // What else other clients put there (connection_timeout, channel_max …) is not ours.
  }
  return {};
}

}  // namespace

std::string Url::Shown() const {
  return std::string(tls ? "amqps://" : "amqp://") + host + ":" + std::to_string(port) +
         (vhost == "/" ? std::string() : "/" + vhost);
}

Result<Url> ParseUrl(std::string_view text) {
  Url url;
  if (text.starts_with("amqps://")) {
    url.tls = true;
    url.port = 5671;
    text.remove_prefix(8);
  } else if (text.starts_with("amqp://")) {
    text.remove_prefix(7);
  } else {
    return Wrong("begins with neither amqp:// nor amqps://");
  }
  std::string_view rest = text;
  std::string_view before_query = TakeUntil(rest, '?');
  if (Status query = ReadQuery(rest, url); !query) return std::unexpected(query.error());

  const bool has_vhost = before_query.find('/') != std::string_view::npos;
  std::string_view authority = TakeUntil(before_query, '/');
  if (has_vhost) {
    const auto vhost = Decode(before_query);
    if (!vhost || before_query.find('/') != std::string_view::npos || vhost->size() > 255) {
      return Wrong("has a vhost that is not percent-encoded (a slash is %2F) or is too long");
    }
    if (!vhost->empty()) url.vhost = *vhost;
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (Status user = ReadUser(authority.substr(0, at), url); !user) return std::unexpected(user.error());
    authority.remove_prefix(at + 1);
  }
  if (Status host = ReadHost(authority, url); !host) return std::unexpected(host.error());
  return url;
}

}  // namespace tidings::messaging::rabbitmq
