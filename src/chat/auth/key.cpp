#include "key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/bytes.hpp>

namespace tidings::auth {

namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxExponentBits = 64;

template <auto Function>
struct Call {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};

using BigNumber = std::unique_ptr<BIGNUM, Call<BN_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Call<EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Call<EVP_MD_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Call<EVP_MAC_CTX_free>>;

const unsigned char* Data(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

BigNumber Number(std::string_view bytes) {
  return BigNumber(BN_bin2bn(Data(bytes), static_cast<int>(bytes.size()), nullptr));
}

}  // namespace

std::string_view Name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kHs256: return "HS256";
    case Algorithm::kEdDsa: return "EdDSA";
    case Algorithm::kRs256: return "RS256";
  }
  return "";
}

void Key::Free::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
void Key::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

Result<Key> Key::Hs256(std::string id, std::string_view secret) {
  if (secret.size() < kMinSecretBytes) {
    return Fail(ErrorCode::kInvalid,
                "an HS256 secret must have 32 bytes or more, this one has " + std::to_string(secret.size()));
  }
  Key key(std::move(id), Algorithm::kHs256);
  const std::unique_ptr<EVP_MAC, Call<EVP_MAC_free>> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  char sha256[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                               OSSL_PARAM_construct_end()};
  key.keyed_.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
  if (!key.keyed_ || EVP_MAC_init(key.keyed_.get(), Data(secret), secret.size(), params) != 1) {
    ERR_clear_error();
    return Fail(ErrorCode::kInvalid, "OpenSSL offers no HMAC with SHA-256");
  }
  return key;
}

Result<Key> Key::Ed25519(std::string id, std::string_view public_key) {
  Key key(std::move(id), Algorithm::kEdDsa);
  if (public_key.size() == 32) {
    key.public_.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Data(public_key), public_key.size()));
  }
  if (!key.public_) {
    ERR_clear_error();
    return Fail(ErrorCode::kInvalid,
                "an Ed25519 public key has 32 bytes, this one has " + std::to_string(public_key.size()));
  }
  return key;
}

Result<Key> Key::Rs256(std::string id, std::string_view modulus, std::string_view exponent) {
  if (modulus.size() > kMaxRsaBits / 8 + 1 || exponent.size() > kMaxExponentBits / 8 + 1) {
    return Fail(ErrorCode::kInvalid, "an RSA key may have up to 8192 bits and an exponent of up to 64");
  }
  const BigNumber n = Number(modulus);
  const BigNumber e = Number(exponent);
  const int bits = n ? BN_num_bits(n.get()) : 0;
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Fail(ErrorCode::kInvalid, "an RSA key must have 2048 to 8192 bits, this one has " + std::to_string(bits));
  }
  if (!e || !BN_is_odd(e.get()) || BN_is_one(e.get()) || BN_num_bits(e.get()) > kMaxExponentBits ||
      !BN_is_odd(n.get())) {
    return Fail(ErrorCode::kInvalid, "this is no RSA key: its modulus and exponent must be odd, the latter above 1");
  }
  const std::unique_ptr<OSSL_PARAM_BLD, Call<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const std::unique_ptr<OSSL_PARAM, Call<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    ERR_clear_error();
    return Fail(ErrorCode::kInvalid, "OpenSSL does not take this RSA key");
  }
  Key key(std::move(id), Algorithm::kRs256);
  key.public_.reset(made);
  return key;
}

bool Key::Verify(std::string_view input, std::string_view signature) const {
  if (algorithm_ != Algorithm::kHs256) return VerifyPublic(input, signature);
  unsigned char code[32];
  return Mac(input, code) &&
         ConstantTimeEqual(std::string_view(reinterpret_cast<const char*>(code), sizeof code), signature);
}

std::string Key::Sign(std::string_view input) const {
  unsigned char code[32];
  if (!Mac(input, code)) return {};
  return std::string(reinterpret_cast<const char*>(code), sizeof code);
}

bool Key::Mac(std::string_view input, unsigned char (&code)[32]) const {
  const MacContext context(EVP_MAC_CTX_dup(keyed_.get()));
  std::size_t size = 0;
  return context && EVP_MAC_update(context.get(), Data(input), input.size()) == 1 &&
         EVP_MAC_final(context.get(), code, &size, sizeof code) == 1 && size == sizeof code;
}

bool Key::VerifyPublic(std::string_view input, std::string_view signature) const {
  const Digest digest(EVP_MD_CTX_new());
  const EVP_MD* const hash = algorithm_ == Algorithm::kRs256 ? EVP_sha256() : nullptr;
  const bool valid = digest && EVP_DigestVerifyInit(digest.get(), nullptr, hash, nullptr, public_.get()) == 1 &&
                     EVP_DigestVerify(digest.get(), Data(signature), signature.size(), Data(input), input.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

}  // namespace tidings::auth
