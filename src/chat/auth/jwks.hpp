// Reads JSON Web Key sets (RFC 7517, RFC 8037).
#pragma once

#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>

#include "key.hpp"

namespace tidings::auth {

// The keys for signatures in `json`; those of `use` "enc" are left out. kInvalid, naming the key by its place and `kid`:
// a key of an unknown kind, a short one, an `alg` that does not fit, a `kid` twice or "tidings", two keys without one,
// or no key at all.
Result<std::vector<Key>> ReadJwks(std::string_view json);

}  // namespace tidings::auth
