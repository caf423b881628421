// JSON Web Tokens (RFC 7519, RFC 8725): who a caller is.
//
//   auto keys = auth::KeySet::Make({.secret = config.jwt_secret, .internal_secret = own});
//   Result<auth::Claims> claims = (*keys)->Verify(token, clock.Now(), {.issuer = "https://example.org"});
//   Result<std::string> token = (*keys)->Sign({.sub = user.id, .ttl = std::chrono::hours(24)}, clock.Now());
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::auth {

// The `kid` of the key that the server keeps to itself: tokens of its own accounts.
inline constexpr std::string_view kInternalKeyId = "tidings";
inline constexpr std::size_t kMaxTokenBytes = 8 * 1024;
inline constexpr std::size_t kMinSecretBytes = 32;
inline constexpr std::size_t kMaxSubCharacters = 128;
inline constexpr Millis kLeeway = 60'000;

// What a verified token says of its bearer.
struct Claims {
  std::string sub;        // the user's id; see IsUserId
  std::string name;       // empty if there is none; no control characters, at most 128 characters
  bool admin = false;     // `scope` holds "admin"
  Millis expires_at = 0;  // `exp`, without the leeway
  std::optional<Millis> not_before;
  std::optional<Millis> issued_at;
  std::string key_id;  // of the key that verified it; empty for a key without one

  // Whether the server made the token itself.
  bool Internal() const { return key_id == kInternalKeyId; }
};

// What a token of an outside key must say besides; an empty one is not checked. Tokens of the internal key are bound
// to this server by their key and are not asked.
struct Expectation {
  std::string issuer;    // equal to `iss`
  std::string audience;  // `aud`, or one of its members
};

// What to put into a token.
struct Grant {
  std::string sub;
  std::string name;
  bool admin = false;
  std::chrono::seconds ttl = std::chrono::hours(24);
  std::string issuer;    // no claim if empty
  std::string audience;  // no claim if empty
};

enum class Signer {
  kInternal,  // the internal key, `kid` "tidings"
  kShared,    // the HS256 secret that the application shares with the server; the token has no `kid`
};

// Where the keys come from.
struct KeySources {
  std::string secret;               // HS256, shared with an application; empty for none
  std::filesystem::path jwks_file;  // RFC 7517; empty for none
  std::string internal_secret;      // HS256, never leaves the server; empty for none
};

// Whether this may name a user: 1 to 128 characters of UTF-8 without controls, line separators and marks that turn the
// direction of writing.
bool IsUserId(std::string_view sub);

// The keys that tokens are verified with. Each has one algorithm (oct: HS256, OKP Ed25519: EdDSA, RSA of 2048 bits or
// more: RS256) and is chosen by `kid`; a token's `alg` must be that of the key and chooses nothing. A token without a
// `kid` belongs to the default key: the shared secret, else the key of the file if it is the only one or has no `kid`,
// else, without any outside key, the internal one. Thread-safe.
class KeySet {
 public:
  // kInvalid, saying what is wrong and where: a short secret, a file that cannot be read or holds a bad key.
  static Result<std::unique_ptr<KeySet>> Make(KeySources sources);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  // kUnauthorized with a message for the caller, which never holds any part of the token. Some 2 µs for HS256.
  Result<Claims> Verify(std::string_view token, Millis now, const Expectation& expected = {}) const;

  // A new HS256 token. kInvalid: the grant's sub is no user id, or there is no such key.
  Result<std::string> Sign(const Grant& grant, Millis now, Signer signer = Signer::kInternal) const;

  // Reads the JWKS file again if it has changed since it was last looked at; true if the keys are new. After an error
  // the former keys stay, and the same bad file is reported once. To be called every few seconds; does blocking I/O.
  Result<bool> Reload();

  // Whether there is a key besides the internal one.
  bool HasOutsideKeys() const;

 private:
  class State;
  explicit KeySet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidings::auth
