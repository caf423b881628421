// A random secret that is kept in a file.
#pragma once

#include <filesystem>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::auth {

// The secret in the file: 43 characters of base64url, 256 random bits. If there is no file, it is made: mode 0600,
// appearing whole or not at all, synced with its folder; of several processes that make it at once, all get the same.
// A file that others than its owner may read is used, with a warning in the log. kInvalid, naming the file: it cannot
// be read or made, or does not hold such a secret (it is never replaced, since that would end every session).
Result<std::string> ReadOrCreateSecret(const std::filesystem::path& file);

}  // namespace tidings::auth
