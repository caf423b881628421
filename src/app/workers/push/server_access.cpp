#include "push/server_access.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include <tidings/app/server_proof.hpp>
#include <tidings/auth/secret_file.hpp>
#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/json.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

// Who commands are from, as control_file.hpp has it.
constexpr const char* kSubject = "tidings:control";
constexpr std::chrono::seconds kTokenFor{60};
constexpr std::size_t kNonce = 24;

// Whether the process that named its port holds the store. A server that was killed leaves its files, and its port to anybody.
// REQUIRES: short, since who starts meanwhile finds the store taken.
bool HoldsStore(const std::filesystem::path& data, std::uint64_t pid) {
  const std::filesystem::path lock = data / "tidings.lock";
  const auto holder = ReadFile(lock);
  if (!holder || !*holder) return false;
  // Empty where the disk was full.
  const std::string_view named = std::string_view(**holder).substr(0, (*holder)->find('\n'));
  if (!named.empty() && ParseWhole(named) != pid) return false;
  const int file = open(lock.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(file);
  return held;
}

}  // namespace

bool ControlAddress::Proves(std::string_view proof, Millis now) const {
  const auto claims = keys->Verify(proof, now);
  return claims && claims->Internal() && claims->sub == kServerProof + nonce;
}

Result<ControlAddress> ServerAccess(const std::filesystem::path& data, Millis now) {
  const auto away = [&] { return Fail(ErrorCode::kUnavailable, "no server runs on " + data.string()); };
  const auto text = ReadFile(data / "control");
  if (!text) return std::unexpected(text.error());
  if (!*text) return away();
  const auto parsed = json::Parse(**text);
  if (!parsed || !parsed->is_object()) return away();
  const auto port = json::OptionalWhole(parsed->get_object(), "port");
  const auto pid = json::OptionalWhole(parsed->get_object(), "pid");
  if (!port || !*port || !pid || !*pid || !HoldsStore(data, **pid)) return away();
  const auto secret = auth::ReadOrCreateSecret(data / "token.secret");
  if (!secret) return std::unexpected(secret.error());
  auto keys = auth::KeySet::Make({.secret = {}, .jwks_file = {}, .internal_secret = *secret});
  if (!keys) return std::unexpected(keys.error());
  auth::Grant grant;
  grant.sub = kSubject;
  grant.admin = true;
  grant.ttl = kTokenFor;
  auto token = (*keys)->Sign(grant, now, auth::Signer::kInternal);
  if (!token) return std::unexpected(token.error());
  return ControlAddress{"http://127.0.0.1:" + std::to_string(**port), std::move(*token), RandomToken(kNonce),
                        std::move(*keys)};
}

}  // namespace tidings::app
