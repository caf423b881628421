// Tokens, claims and key sets. The first byte says which: "t" a token as it comes, "c" header and payload (a line each)
// that are signed here, so that the claims are reached, "k" a JWKS file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/bytes.hpp>

#include "jwks.hpp"
#include "key.hpp"

namespace {

using tidings::Millis;
using tidings::auth::KeySet;

constexpr Millis kNow = 1'700'000'000'000;
const std::string kSecret = "0123456789abcdef0123456789abcdef";

const KeySet& Keys() {
  static const auto keys =
      KeySet::Make({.secret = kSecret, .jwks_file = {}, .internal_secret = kSecret + "internal"}).value();
  return *keys;
}

void Require(bool holds) {
  if (!holds) std::abort();
}

// What is accepted is sound; what is refused is told without any part of it.
void CheckVerdict(std::string_view token) {
  const auto claims = Keys().Verify(token, kNow, {.issuer = "me", .audience = ""});
  if (!claims) {
    Require(claims.error().code() == tidings::ErrorCode::kUnauthorized);
    // A tail with spaces may be the message's own words.
    const std::string_view tail = token.substr(token.size() - std::min<std::size_t>(token.size(), 20));
    const bool secret = token.size() >= 40 && tail.find(' ') == std::string_view::npos;
    Require(!secret || claims.error().message().find(tail) == std::string::npos);
    return;
  }
  Require(token.size() <= tidings::auth::kMaxTokenBytes);
  Require(tidings::auth::IsUserId(claims->sub));
  Require(tidings::IsUtf8(claims->name) && claims->name.find('\n') == std::string::npos);
  Require(claims->expires_at + tidings::auth::kLeeway > kNow);
  Require(!claims->not_before || *claims->not_before - tidings::auth::kLeeway <= kNow);
}

void CheckClaims(std::string_view text) {
  static const auto key = tidings::auth::Key::Hs256("", kSecret);
  const auto line = text.find('\n');
  if (line == text.npos) return;
  std::string token = tidings::Base64UrlEncode(text.substr(0, line));
  token += '.';
  token += tidings::Base64UrlEncode(text.substr(line + 1));
  const std::string code = key->Sign(token);
  token += '.';
  token += tidings::Base64UrlEncode(code);
  CheckVerdict(token);
}

void CheckKeySet(std::string_view text) {
  const auto keys = tidings::auth::ReadJwks(text);
  if (!keys) return Require(keys.error().code() == tidings::ErrorCode::kInvalid);
  Require(!keys->empty());
  for (const auto& key : *keys) {
    Require(key.id() != tidings::auth::kInternalKeyId);
    Require(!key.Verify("text", "signature"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 't': CheckVerdict(text); break;
    case 'c': CheckClaims(text); break;
    case 'k': CheckKeySet(text); break;
    default: break;
  }
  return 0;
}
