#include "token.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <tidings/base/bytes.hpp>

#include "member_reader.hpp"
#include "user_text.hpp"

namespace tidings::auth {

namespace {

using Kind = Member::Kind;

constexpr double kMaxSeconds = 253'402'300'799;  // the end of the year 9999

std::unexpected<Error> RefuseToken(std::string reason) {
  return Fail(ErrorCode::kUnauthorized, "the token is refused: " + std::move(reason));
}

bool EqualIgnoringCase(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

// RFC 8725 §3.11: a token made for another purpose by the same issuer is none of ours.
bool IsAccessToken(std::string_view type) {
  constexpr std::string_view kPrefix = "application/";
  if (type.size() > kPrefix.size() && EqualIgnoringCase(type.substr(0, kPrefix.size()), kPrefix)) {
    type.remove_prefix(kPrefix.size());
  }
  return EqualIgnoringCase(type, "jwt") || EqualIgnoringCase(type, "at+jwt");
}

Status ReadHeader(std::string_view encoded, Parts& parts) {
  const auto json = Base64UrlDecode(encoded);
  if (!json) return RefuseToken("its header is not base64url");
  std::array<Member, 4> members{Member{"alg"}, Member{"kid"}, Member{"typ"}, Member{"crit"}};
  auto& [algorithm, key_id, type, critical] = members;
  if (auto read = ReadMembers(*json, members); !read) return RefuseToken("its header is " + read.error().message());
  if (algorithm.kind != Kind::kText) return RefuseToken("its header has no \"alg\"");
  if (!key_id.Absent() && key_id.kind != Kind::kText) return RefuseToken("\"kid\" in its header is no string");
  if (!type.Absent() && (type.kind != Kind::kText || !IsAccessToken(type.text))) {
    return RefuseToken("\"typ\" in its header is not JWT");
  }
  // RFC 7515 §4.1.11: an extension that must be understood, and none is.
  if (critical.kind != Kind::kMissing) return RefuseToken("its header asks for an extension (\"crit\")");
  parts.algorithm = std::move(algorithm.text);
  if (key_id.kind == Kind::kText) parts.key_id = std::move(key_id.text);
  return {};
}

Result<std::optional<Millis>> Time(const Member& member) {
  if (member.Absent()) return std::optional<Millis>();
  if (member.kind != Kind::kNumber) return RefuseToken("\"" + std::string(member.key) + "\" is no number of seconds");
  if (!(member.number >= 0 && member.number <= kMaxSeconds)) {
    return RefuseToken("\"" + std::string(member.key) + "\" is out of range");
  }
  return std::optional<Millis>(static_cast<Millis>(std::floor(member.number * 1000)));
}

Result<bool> IsAdmin(const Member& scope) {
  constexpr std::string_view kAdmin = "admin";
  if (scope.Absent()) return false;
  if (scope.kind == Kind::kTexts) return std::ranges::find(scope.texts, kAdmin) != scope.texts.end();
  if (scope.kind != Kind::kText) return RefuseToken("\"scope\" is neither a string nor an array of strings");
  for (std::string_view rest = scope.text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == kAdmin) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Status CheckIssuer(const Member& issuer, const Member& audience, const Expectation& expected) {
  if (!expected.issuer.empty() && (issuer.kind != Kind::kText || issuer.text != expected.issuer)) {
    return RefuseToken("\"iss\" is not the issuer that this server takes tokens from");
  }
  const bool named =
      (audience.kind == Kind::kText && audience.text == expected.audience) ||
      (audience.kind == Kind::kTexts && std::ranges::find(audience.texts, expected.audience) != audience.texts.end());
  if (!expected.audience.empty() && !named) return RefuseToken("\"aud\" does not name this server");
  return {};
}

}  // namespace

Result<Parts> Take(std::string_view token) {
  if (token.empty()) return Fail(ErrorCode::kUnauthorized, "a token is required");
  if (token.size() > kMaxTokenBytes) return RefuseToken("it is longer than 8 KiB");
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return RefuseToken("it does not consist of three parts");
  }
  Parts parts;
  parts.signed_text = token.substr(0, second);
  parts.payload = token.substr(first + 1, second - first - 1);
  if (auto read = ReadHeader(token.substr(0, first), parts); !read) return std::unexpected(read.error());
  auto signature = Base64UrlDecode(token.substr(second + 1));
  if (!signature) return RefuseToken("its signature is not base64url");
  parts.signature = *std::move(signature);
  return parts;
}

Result<Claims> ReadClaims(std::string_view payload, Millis now, const Expectation* expected) {
  const auto json = Base64UrlDecode(payload);
  if (!json) return RefuseToken("its payload is not base64url");
  std::array<Member, 8> members{Member{"sub"}, Member{"name"}, Member{"scope"}, Member{"exp"},
                                Member{"nbf"}, Member{"iat"},  Member{"iss"},   Member{"aud"}};
  auto& [sub, name, scope, expires, begins, issued, issuer, audience] = members;
  if (auto read = ReadMembers(*json, members); !read) return RefuseToken("its payload is " + read.error().message());

  const auto expires_at = Time(expires);
  if (!expires_at) return std::unexpected(expires_at.error());
  if (!*expires_at) return RefuseToken("it has no \"exp\"");
  if (now >= **expires_at + kLeeway) return RefuseToken("it has expired");
  const auto not_before = Time(begins);
  if (!not_before) return std::unexpected(not_before.error());
  if (*not_before && now < **not_before - kLeeway) return RefuseToken("it is not valid yet (\"nbf\")");
  const auto issued_at = Time(issued);
  if (!issued_at) return std::unexpected(issued_at.error());

  if (expected != nullptr) {
    if (auto fits = CheckIssuer(issuer, audience, *expected); !fits) return std::unexpected(fits.error());
  }
  if (sub.kind != Kind::kText || !IsUserId(sub.text)) {
    return RefuseToken("\"sub\" must be a string of 1 to 128 characters without control characters");
  }
  if (!name.Absent() && name.kind != Kind::kText) return RefuseToken("\"name\" is no string");
  const auto admin = IsAdmin(scope);
  if (!admin) return std::unexpected(admin.error());

  Claims claims;
  claims.sub = std::move(sub.text);
  claims.name = CleanName(name.text);
  claims.admin = *admin;
  claims.expires_at = **expires_at;
  claims.not_before = *not_before;
  claims.issued_at = *issued_at;
  return claims;
}

}  // namespace tidings::auth
