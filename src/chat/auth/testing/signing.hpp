// Tokens and keys for tests, made without the code under test.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include <tidings/base/bytes.hpp>

namespace tidings::auth::testing {

inline const unsigned char* Data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

inline std::string HmacSha256(std::string_view secret, std::string_view text) {
  unsigned char code[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), Data(text), text.size(), code, &size);
  return std::string(reinterpret_cast<const char*>(code), size);
}

// A private key of the application.
class PrivateKey {
 public:
  static PrivateKey NewRsa(unsigned bits) { return PrivateKey(EVP_RSA_gen(bits), EVP_sha256()); }
  static PrivateKey Ed25519(std::string_view seed) {
    return PrivateKey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Data(seed), seed.size()), nullptr);
  }

  std::string Sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, hash_, nullptr, key_.get());
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Data(text), text.size());
    signature.resize(size);
    return signature;
  }

  // The public key as a PEM text, as it stands on web sites: what an attacker has.
  std::string Pem() const;
  // The modulus of an RSA key, base64url; its exponent is AQAB.
  std::string Modulus() const;

 private:
  PrivateKey(EVP_PKEY* key, const EVP_MD* hash) : key_(key, EVP_PKEY_free), hash_(hash) {}

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  const EVP_MD* hash_;
};

inline std::string Unsigned(std::string_view header, std::string_view payload) {
  return Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
}

inline std::string Hs256Token(std::string_view secret, std::string_view header, std::string_view payload) {
  const std::string text = Unsigned(header, payload);
  return text + "." + Base64UrlEncode(HmacSha256(secret, text));
}

inline std::string PublicToken(const PrivateKey& key, std::string_view header, std::string_view payload) {
  const std::string text = Unsigned(header, payload);
  return text + "." + Base64UrlEncode(key.Sign(text));
}

}  // namespace tidings::auth::testing
