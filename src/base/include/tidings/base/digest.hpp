// SHA-256 and HMAC over it.
#pragma once

#include <string_view>

#include <tidings/base/bytes.hpp>

namespace tidings {

// 32 bytes.
Bytes Sha256(std::string_view bytes);
// RFC 2104 with SHA-256: 32 bytes.
Bytes HmacSha256(std::string_view key, std::string_view bytes);

}  // namespace tidings
