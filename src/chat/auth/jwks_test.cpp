#include "jwks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidings::auth {
namespace {

using ::testing::HasSubstr;

const std::string kX = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const std::string kOctets = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

std::string Ed(std::string_view rest) {
  return R"({"kty":"OKP","crv":"Ed25519","x":")" + kX + "\"" + std::string(rest) + "}";
}
std::string Set(const std::string& keys) { return R"({"keys":[)" + keys + "]}"; }

std::string Refusal(const std::string& json) {
  const auto keys = ReadJwks(json);
  if (keys) return "(accepted)";
  EXPECT_EQ(keys.error().code(), ErrorCode::kInvalid);
  return keys.error().message();
}

TEST(Jwks, ReadsKeysAndTheirAlgorithms) {
  const auto keys =
      ReadJwks(Set(Ed(R"(,"kid":"a","use":"sig","key_ops":["verify"],"alg":"EdDSA")") +
                   R"(,{"kty":"oct","kid":"b","k":")" + kOctets + R"("},{"kty":"RSA","use":"enc","alg":"RSA-OAEP"})"));
  ASSERT_TRUE(keys) << keys.error().message();
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ(keys->at(0).id(), "a");
  EXPECT_EQ(keys->at(0).algorithm(), Algorithm::kEdDsa);
  EXPECT_EQ(keys->at(1).algorithm(), Algorithm::kHs256);
}

TEST(Jwks, NamesTheBadKeyAndWhatIsWrong) {
  EXPECT_THAT(Refusal(Set(Ed("") + ",7")), HasSubstr("keys[1]: a key is an object"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"kid":"k","alg":"RS256")"))),
              HasSubstr("keys[0] (kid \"k\"): \"alg\" of a key of kind OKP must be EdDSA"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"use":"other")"))), HasSubstr("\"use\""));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"key_ops":["encrypt"])"))), HasSubstr("key_ops"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"kid":"tidings")"))), HasSubstr("reserved"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"kid":"")"))), HasSubstr("kid"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"kid":7)"))), HasSubstr("\"kid\" must be a string"));
  EXPECT_THAT(Refusal(Set(Ed(R"(,"kid":"k")") + "," + Ed(R"(,"kid":"k")"))),
              HasSubstr("keys[1] (kid \"k\"): another key"));
  EXPECT_THAT(Refusal(Set(Ed("") + "," + Ed(""))), HasSubstr("keys[1]: another key"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"EC","crv":"P-256"})")), HasSubstr("\"kty\""));
  EXPECT_THAT(Refusal(Set(R"({"kty":"OKP","crv":"Ed448","x":"AAAA"})")), HasSubstr("\"crv\""));
  EXPECT_THAT(Refusal(Set(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})")), HasSubstr("32 bytes, this one has 3"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"OKP","crv":"Ed25519","x":"AA=="})")), HasSubstr("base64url"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"OKP","crv":"Ed25519"})")), HasSubstr("\"x\""));
  EXPECT_THAT(Refusal(Set(R"({"kty":"oct","k":"AAAA"})")), HasSubstr("32 bytes or more, this one has 3"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})")), HasSubstr("2048"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"RSA","e":"AQAB"})")), HasSubstr("\"n\""));
  EXPECT_THAT(Refusal(Set("{}")), HasSubstr("\"kty\""));
}

TEST(Jwks, RefusesWhatIsNoSet) {
  EXPECT_THAT(Refusal("{"), HasSubstr("JSON"));
  EXPECT_THAT(Refusal("[]"), HasSubstr("\"keys\""));
  EXPECT_THAT(Refusal("{}"), HasSubstr("\"keys\""));
  EXPECT_THAT(Refusal(R"({"keys":{}})"), HasSubstr("\"keys\""));
  EXPECT_THAT(Refusal(Set("")), HasSubstr("no key"));
  EXPECT_THAT(Refusal(Set(R"({"kty":"RSA","use":"enc"})")), HasSubstr("no key"));
}

}  // namespace
}  // namespace tidings::auth
