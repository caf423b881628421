// The parts of a token, before and after its signature counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/error.hpp>

namespace tidings::auth {

// A token cut at its dots, with what its header asks for. Nothing of it is trusted yet.
struct Parts {
  std::string_view signed_text;  // header and payload as they were signed
  std::string_view payload;      // base64url
  std::string signature;
  std::string algorithm;
  std::optional<std::string> key_id;
};

// Fails with kUnauthorized, as the next one does.
Result<Parts> Take(std::string_view token);

// Reads the claims of a token whose signature was found good, and holds them against the time and, unless it is null,
// what is expected of the issuer.
Result<Claims> ReadClaims(std::string_view payload, Millis now, const Expectation* expected);

}  // namespace tidings::auth
