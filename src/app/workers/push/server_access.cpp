#include "push/server_access.hpp"

#include <tidings/auth/jwt.hpp>
#include <tidings/auth/secret_file.hpp>
#include <tidings/base/json.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

// Who commands are from, as control_file.hpp has it.
constexpr const char* kSubject = "tidings:control";

}  // namespace

Result<ControlAddress> ServerAccess(const std::filesystem::path& data, Millis now) {
  const auto away = [&] { return Fail(ErrorCode::kUnavailable, "no server runs on " + data.string()); };
  const auto text = ReadFile(data / "control");
  if (!text) return std::unexpected(text.error());
  if (!*text) return away();
  const auto parsed = json::Parse(**text);
  if (!parsed || !parsed->is_object()) return away();
  const auto port = json::OptionalWhole(parsed->get_object(), "port");
  if (!port || !*port) return away();
  const auto secret = auth::ReadOrCreateSecret(data / "token.secret");
  if (!secret) return std::unexpected(secret.error());
  auto keys = auth::KeySet::Make({.secret = {}, .jwks_file = {}, .internal_secret = *secret});
  if (!keys) return std::unexpected(keys.error());
  auth::Grant grant;
  grant.sub = kSubject;
  grant.admin = true;
  auto token = (*keys)->Sign(grant, now, auth::Signer::kInternal);
  if (!token) return std::unexpected(token.error());
  return ControlAddress{"http://127.0.0.1:" + std::to_string(**port), std::move(*token)};
}

}  // namespace tidings::app
