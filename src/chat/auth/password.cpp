#include <tidings/auth/password.hpp>

#include <sodium.h>

namespace tidings::auth {

namespace {

constexpr auto kOperations = crypto_pwhash_OPSLIMIT_INTERACTIVE;
constexpr auto kMemory = crypto_pwhash_MEMLIMIT_INTERACTIVE;
// The hash of random bytes at these limits: as costly to check as any other.
constexpr std::string_view kNobody =
    "$argon2id$v=19$m=65536,t=2,p=1$sZZpG8H5bVijeitUEhkJfQ$kmoIYGBXv1Hd4Mca5HsgHRKYK4IiJ/q8sKaXSTDywSc";

// Safe to repeat and from several threads.
bool SodiumReady() {
  static const bool ready = sodium_init() >= 0;
  return ready;
}

}  // namespace

Status CheckPassword(std::string_view password) {
  if (password.size() < kMinPasswordBytes) return Fail(ErrorCode::kInvalid, "a password has at least 8 characters");
  if (password.size() > kMaxPasswordBytes) return Fail(ErrorCode::kInvalid, "a password has at most 256 bytes");
  return {};
}

Result<std::string> NormalizeUsername(std::string_view username) {
  std::string name(username.substr(0, kMaxUsername + 1));
  bool good = name.size() >= kMinUsername && name.size() <= kMaxUsername;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-');
  }
  if (!good)
    return Fail(ErrorCode::kInvalid, "a username has 3 to 32 characters of a to z, 0 to 9, \"_\", \".\" and \"-\"");
  return name;
}

Result<std::string> HashPassword(std::string_view password) {
  char hash[crypto_pwhash_STRBYTES];
  if (!SodiumReady() || crypto_pwhash_str_alg(hash, password.data(), password.size(), kOperations, kMemory,
                                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Fail(ErrorCode::kUnavailable, "no memory for hashing a password; try again");
  }
  return std::string(hash);
}

bool VerifyPassword(std::string_view hash, std::string_view password) {
  if (!SodiumReady()) return false;
  const bool known = !hash.empty() && hash.size() < crypto_pwhash_STRBYTES;
  const std::string text(known ? hash : kNobody);
  return crypto_pwhash_str_verify(text.c_str(), password.data(), password.size()) == 0 && known;
}

bool NeedsRehash(std::string_view hash) {
  if (!SodiumReady() || hash.size() >= crypto_pwhash_STRBYTES) return true;
  return crypto_pwhash_str_needs_rehash(std::string(hash).c_str(), kOperations, kMemory) != 0;
}

}  // namespace tidings::auth
