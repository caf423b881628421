// Passwords and names of the server's own accounts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::auth {

inline constexpr std::size_t kMinPasswordBytes = 8;
inline constexpr std::size_t kMaxPasswordBytes = 256;
inline constexpr std::size_t kMinUsername = 3;
inline constexpr std::size_t kMaxUsername = 32;

// kInvalid unless the password has 8 to 256 bytes. No rules about kinds of characters (NIST SP 800-63B §5.1.1.2).
Status CheckPassword(std::string_view password);

// The name in lower case; kInvalid unless that is 3 to 32 of [a-z0-9_.-].
Result<std::string> NormalizeUsername(std::string_view username);

// argon2id at libsodium's interactive limits, as a text that holds salt and limits. Takes 50 to 100 ms and 64 MiB: call
// it on a worker thread, never on an I/O thread, and bound how many run at once. kUnavailable: no memory.
Result<std::string> HashPassword(std::string_view password);

// Whether the password is the one that was hashed. As slow as HashPassword, also for an empty hash (no such user,
// always false), so that the time does not tell which names exist. Thread-safe, as are all of these.
bool VerifyPassword(std::string_view hash, std::string_view password);

// Whether the hash was made with other limits than today's and should be made again after a good login.
bool NeedsRehash(std::string_view hash);

}  // namespace tidings::auth
