#include "websocket_handshake.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <openssl/evp.h>

#include <tidings/base/bytes.hpp>

#include "field_text.hpp"
#include "http_writer.hpp"

namespace tidings::net {

namespace {

using realtime::HttpAnswer;
using realtime::HttpRequest;

// Calls `use` with each trimmed part; stops where it returns true and returns that.
template <class Use>
bool AnyPart(std::string_view list, char separator, Use use) {
  while (true) {
    const std::size_t end = list.find(separator);
    if (use(Trim(list.substr(0, end)))) return true;
    if (end == list.npos) return false;
    list.remove_prefix(end + 1);
  }
}

// Over all headers of the name, which is the same as one with commas.
bool HasToken(const HttpRequest& request, std::string_view header, std::string_view lower_token) {
  return std::ranges::any_of(request.headers, [&](const auto& entry) {
    return entry.first == header &&
           AnyPart(entry.second, ',', [&](std::string_view part) { return EqualsLower(part, lower_token); });
  });
}

std::size_t Count(const HttpRequest& request, std::string_view header) {
  return static_cast<std::size_t>(
      std::ranges::count_if(request.headers, [&](const auto& entry) { return entry.first == header; }));
}

// Sixteen bytes in base64 are 24 characters.
bool IsKey(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  if (key.find_first_of("\r\n") != key.npos) return false;
  const auto bytes = Base64Decode(key);
  return bytes && bytes->size() == 16;
}

std::string AcceptOf(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return Base64Encode({reinterpret_cast<const char*>(digest.data()), size});
}

// One offer of permessage-deflate that we can keep (RFC 7692 §7.1): our window is always 32 KiB, contexts never stay.
bool IsGoodOffer(std::string_view offer) {
  bool first = true;
  bool good = true;
  std::vector<std::string_view> seen;
  AnyPart(offer, ';', [&](std::string_view part) {
    const std::string_view name = Trim(part.substr(0, part.find('=')));
    std::string_view value = part.find('=') == part.npos ? std::string_view() : Trim(part.substr(part.find('=') + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (first) {
      good = EqualsLower(part, "permessage-deflate");
    } else if (EqualsLower(name, "server_no_context_takeover") || EqualsLower(name, "client_no_context_takeover")) {
      good = part.find('=') == part.npos;
    } else if (EqualsLower(name, "client_max_window_bits")) {
      good = value.empty() || value == "8" || value == "9" || (value.size() == 2 && value >= "10" && value <= "15");
    } else {
      good = EqualsLower(name, "server_max_window_bits") && value == "15";
    }
    if (std::ranges::find(seen, name) != seen.end()) good = false;
    seen.push_back(name);
    first = false;
    return !good;
  });
  return good;
}

bool WantsDeflate(const HttpRequest& request) {
  return std::ranges::any_of(request.headers, [](const auto& entry) {
    return entry.first == "sec-websocket-extensions" && AnyPart(entry.second, ',', IsGoodOffer);
  });
}

}  // namespace

bool AsksForWebSocket(const HttpRequest& request) { return HasToken(request, "upgrade", "websocket"); }

std::expected<Handshake, HttpAnswer> CheckHandshake(const HttpRequest& request, bool version_1_1, bool deflate) {
  const auto refuse = [](std::string_view why) { return std::unexpected(ErrorAnswer(400, "malformed", why)); };
  if (request.method != "GET" || !version_1_1) return refuse("a WebSocket handshake is a GET of HTTP/1.1");
  if (!HasToken(request, "connection", "upgrade")) return refuse("a WebSocket handshake needs Connection: Upgrade");
  if (!request.body.empty()) return refuse("a WebSocket handshake has no body");
  if (Count(request, "sec-websocket-version") != 1 || request.Header("sec-websocket-version") != "13") {
    HttpAnswer answer = ErrorAnswer(426, "malformed", "only version 13 of WebSocket is served");
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer.headers.emplace_back("Upgrade", "websocket");
    return std::unexpected(std::move(answer));
  }
  const std::string_view key = request.Header("sec-websocket-key");
  if (Count(request, "sec-websocket-key") != 1 || !IsKey(key)) {
    return refuse("Sec-WebSocket-Key must be 16 bytes in base64");
  }
  return Handshake{.accept = AcceptOf(key), .deflate = deflate && WantsDeflate(request)};
}

std::string HandshakeAnswer(const Handshake& handshake) {
  std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  answer.append("Sec-WebSocket-Accept: ").append(handshake.accept).append("\r\n");
  if (handshake.deflate) {
    answer.append("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; ");
    answer.append("client_no_context_takeover\r\n");
  }
  answer.append("\r\n");
  return answer;
}

}  // namespace tidings::net
