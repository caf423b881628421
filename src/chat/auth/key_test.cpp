#include "key.hpp"

#include <gtest/gtest.h>

#include <tidings/base/bytes.hpp>

namespace tidings::auth {
namespace {

std::string Decode(std::string_view text) { return Base64UrlDecode(text).value(); }

struct Split {
  std::string_view input;
  std::string signature;
};

Split Cut(std::string_view token) {
  const auto dot = token.rfind('.');
  return {token.substr(0, dot), Decode(token.substr(dot + 1))};
}

// RFC 7515 appendix A.1.
constexpr std::string_view kHs256Secret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr std::string_view kHs256Token =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

// RFC 7515 appendix A.2.
constexpr std::string_view kRs256Modulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapH"
    "g665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4F"
    "RWyuXpoQ";
constexpr std::string_view kRs256Token =
    "eyJhbGciOiJSUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD"
    "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"
    "Rw";

// RFC 8037 appendix A.
constexpr std::string_view kEd25519Public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
constexpr std::string_view kEdDsaToken =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

// The signature holds over the text, and not over a changed one, and not changed or cut itself.
void ExpectVerifiesOnly(const Key& key, std::string_view token) {
  const auto [input, signature] = Cut(token);
  EXPECT_TRUE(key.Verify(input, signature));
  EXPECT_FALSE(key.Verify(input.substr(1), signature));
  EXPECT_FALSE(key.Verify(std::string(input) + "A", signature));
  EXPECT_FALSE(key.Verify(input, ""));
  EXPECT_FALSE(key.Verify(input, signature + '\0'));
  for (std::size_t i = 0; i < signature.size(); i += 7) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key.Verify(input, changed)) << i;
    EXPECT_FALSE(key.Verify(input, signature.substr(0, i))) << i;
  }
}

TEST(Key, VerifiesHs256OfRfc7515) {
  const auto key = Key::Hs256("a", Decode(kHs256Secret));
  ASSERT_TRUE(key);
  ExpectVerifiesOnly(*key, kHs256Token);
  EXPECT_EQ(key->Sign(Cut(kHs256Token).input), Cut(kHs256Token).signature);
}

TEST(Key, VerifiesRs256OfRfc7515) {
  const auto key = Key::Rs256("a", Decode(kRs256Modulus), Decode("AQAB"));
  ASSERT_TRUE(key) << key.error().message();
  ExpectVerifiesOnly(*key, kRs256Token);
}

TEST(Key, VerifiesEdDsaOfRfc8037) {
  const auto key = Key::Ed25519("a", Decode(kEd25519Public));
  ASSERT_TRUE(key);
  ExpectVerifiesOnly(*key, kEdDsaToken);
}

TEST(Key, RefusesWeakAndOddKeys) {
  EXPECT_FALSE(Key::Hs256("a", std::string(31, 'x')));
  EXPECT_TRUE(Key::Hs256("a", std::string(32, 'x')));
  EXPECT_FALSE(Key::Ed25519("a", std::string(31, 'x')));
  EXPECT_FALSE(Key::Ed25519("a", std::string(33, 'x')));
  const std::string modulus = Decode(kRs256Modulus);
  EXPECT_FALSE(Key::Rs256("a", "", Decode("AQAB")));
  EXPECT_FALSE(Key::Rs256("a", modulus.substr(1), Decode("AQAB")));        // 2040 bits
  EXPECT_FALSE(Key::Rs256("a", modulus.substr(0, 255) + "\x02", "\x03"));  // even
  EXPECT_FALSE(Key::Rs256("a", modulus, "\x01"));
  EXPECT_FALSE(Key::Rs256("a", modulus, "\x02"));
  EXPECT_FALSE(Key::Rs256("a", modulus, ""));
  EXPECT_FALSE(Key::Rs256("a", modulus, std::string(10, '\x7f')));
  EXPECT_FALSE(Key::Rs256("a", std::string(2000, '\x7f'), Decode("AQAB")));
}

TEST(Key, TakesNoSignatureFromAForgedPoint) {
  // The neutral element as public key and as R, with S = 0, verifies any text where points are not checked.
  const std::string neutral = "\x01" + std::string(31, '\0');
  const auto key = Key::Ed25519("a", Decode(kEd25519Public));
  EXPECT_FALSE(key->Verify("text", neutral + std::string(32, '\0')));
}

}  // namespace
}  // namespace tidings::auth
