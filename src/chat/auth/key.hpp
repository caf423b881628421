// One key, bound to its one algorithm.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::auth {

enum class Algorithm { kHs256, kEdDsa, kRs256 };

// The name that a token's header must give, for example "HS256".
std::string_view Name(Algorithm algorithm);

// Thread-safe.
class Key {
 public:
  // All fail with kInvalid, saying what is wrong with the key and never what it is.
  static Result<Key> Hs256(std::string id, std::string_view secret);
  // RFC 8037: the 32 bytes of the public key.
  static Result<Key> Ed25519(std::string id, std::string_view public_key);
  // Modulus and exponent, big-endian.
  static Result<Key> Rs256(std::string id, std::string_view modulus, std::string_view exponent);

  // Whether the signature over `input` is this key's.
  bool Verify(std::string_view input, std::string_view signature) const;
  // The 32 bytes of the code. REQUIRES: algorithm() is kHs256.
  std::string Sign(std::string_view input) const;

  // Empty for a key without a `kid`.
  const std::string& id() const { return id_; }
  Algorithm algorithm() const { return algorithm_; }

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const;
    void operator()(EVP_PKEY* key) const;
  };

  Key(std::string id, Algorithm algorithm) : id_(std::move(id)), algorithm_(algorithm) {}
  bool Mac(std::string_view input, unsigned char (&code)[32]) const;
  bool VerifyPublic(std::string_view input, std::string_view signature) const;

  std::string id_;
  Algorithm algorithm_;
  std::unique_ptr<EVP_MAC_CTX, Free> keyed_;  // HMAC after its key, copied for each use
  std::unique_ptr<EVP_PKEY, Free> public_;
};

}  // namespace tidings::auth
