#include <tidings/base/digest.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace tidings {
namespace {

constexpr std::size_t kDigest = 32;

const unsigned char* Data(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

// OpenSSL refuses these for want of memory only, or where it was built without SHA-256.
void Require(bool done) {
  if (!done) std::abort();
}

}  // namespace

Bytes Sha256(std::string_view bytes) {
  Bytes digest(kDigest, '\0');
  unsigned int size = 0;
  Require(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
                     nullptr) == 1);
  return digest;
}

Bytes HmacSha256(std::string_view key, std::string_view bytes) {
  Bytes digest(kDigest, '\0');
  unsigned int size = 0;
  Require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Data(bytes), bytes.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr);
  return digest;
}

}  // namespace tidings
