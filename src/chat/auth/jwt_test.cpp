#include <tidings/auth/jwt.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>

#include "testing/signing.hpp"

namespace tidings::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSecret = "0123456789abcdef0123456789abcdef";
const std::string kOwnSecret = "the server keeps this one to itself";
const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";
constexpr Millis kNow = 1'700'000'000'000;
const std::string kSeed(32, 's');

std::string WithExp(std::string_view rest) { return R"({"exp":1700000060)" + std::string(rest) + "}"; }
std::string Payload(std::string_view sub = "alice") { return WithExp(R"(,"sub":")" + std::string(sub) + "\""); }

std::unique_ptr<KeySet> Shared() {
  return KeySet::Make({.secret = kSecret, .jwks_file = {}, .internal_secret = kOwnSecret}).value();
}

Result<Claims> VerifyShared(std::string_view payload, const Expectation& expected = {}, Millis now = kNow) {
  return Shared()->Verify(testing::Hs256Token(kSecret, kHeader, payload), now, expected);
}

std::string Refusal(const Result<Claims>& result) {
  if (result) return "(accepted)";
  EXPECT_EQ(result.error().code(), ErrorCode::kUnauthorized);
  return result.error().message();
}

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text)
      : path_(std::filesystem::temp_directory_path() / ("jwks-" + RandomToken(12))) {
    Write(text);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  void Write(std::string_view text) { std::ofstream(path_) << text; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr std::string_view kEdJwk = R"({"kty":"OKP","crv":"Ed25519","kid":"ed","use":"sig","alg":"EdDSA",)"
                                    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
// Its private half, RFC 8037 appendix A.1.
const testing::PrivateKey& EdKey() {
  static const auto key =
      testing::PrivateKey::Ed25519(Base64UrlDecode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").value());
  return key;
}
const testing::PrivateKey& RsaKey() {
  static const auto key = testing::PrivateKey::NewRsa(2048);
  return key;
}
std::string RsaJwk() { return R"({"kty":"RSA","kid":"rsa","e":"AQAB","n":")" + RsaKey().Modulus() + "\"}"; }
std::string Set(std::initializer_list<std::string_view> keys) {
  std::string text = R"({"keys":[)";
  for (const std::string_view key : keys) {
    if (text.back() != '[') text += ',';
    text += key;
  }
  return text + "]}";
}
std::unique_ptr<KeySet> FromFile(const TemporaryFile& file) {
  auto keys = KeySet::Make({.secret = {}, .jwks_file = file.path(), .internal_secret = kOwnSecret});
  EXPECT_TRUE(keys) << keys.error().message();
  return *std::move(keys);
}

TEST(Jwt, ReadsTheClaims) {
  const auto claims = VerifyShared(R"({"sub":"alice","name":"Alice A.","scope":"read admin","exp":1700000060.75,)"
                                   R"("nbf":1699999999,"iat":1699999998,"x":{"sub":[1]}})");
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->sub, "alice");
  EXPECT_EQ(claims->name, "Alice A.");
  EXPECT_TRUE(claims->admin);
  EXPECT_EQ(claims->expires_at, 1'700'000'060'750);
  EXPECT_EQ(claims->not_before, 1'699'999'999'000);
  EXPECT_EQ(claims->issued_at, 1'699'999'998'000);
  EXPECT_EQ(claims->key_id, "");
  EXPECT_FALSE(claims->Internal());
}

TEST(Jwt, FindsAdminInStringsAndArrays) {
  const auto admin = [](std::string_view scope) {
    return VerifyShared(WithExp(R"(,"sub":"a","scope":)" + std::string(scope)))->admin;
  };
  for (const char* yes : {R"("admin")", R"(" admin ")", R"("a admin")", R"(["x","admin"])"})
    EXPECT_TRUE(admin(yes)) << yes;
  for (const char* no :
       {R"("")", R"("administrator")", R"("Admin")", R"("admin,read")", R"([])", R"(["admin read"])", "null"}) {
    EXPECT_FALSE(admin(no)) << no;
  }
  for (const char* odd : {"true", "1", R"({"admin":true})", R"(["admin",1])", R"([["admin"]])"}) {
    EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","scope":)" + std::string(odd)))), HasSubstr("scope")) << odd;
  }
}

TEST(Jwt, AllowsSixtySecondsOfLeeway) {
  constexpr Millis kExp = 1'700'000'060'000;
  EXPECT_TRUE(VerifyShared(Payload(), {}, kExp + 59'999));
  EXPECT_THAT(Refusal(VerifyShared(Payload(), {}, kExp + 60'000)), HasSubstr("expired"));
  const std::string later = WithExp(R"(,"sub":"a","nbf":1700000000)");
  EXPECT_TRUE(VerifyShared(later, {}, kNow - 60'000));
  EXPECT_THAT(Refusal(VerifyShared(later, {}, kNow - 60'001)), HasSubstr("nbf"));
}

TEST(Jwt, RequiresASoundExp) {
  for (const char* exp :
       {"null", "\"1700000060\"", "-1", "1e400", "253402300800", "1e300", "18446744073709551615", "true", "[]"}) {
    EXPECT_THAT(Refusal(VerifyShared(R"({"sub":"a","exp":)" + std::string(exp) + "}")), Not(HasSubstr("accepted")))
        << exp;
  }
  EXPECT_THAT(Refusal(VerifyShared(R"({"sub":"a"})")), HasSubstr("exp"));
  EXPECT_TRUE(VerifyShared(R"({"sub":"a","exp":253402300799})"));
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","nbf":"x")"))), HasSubstr("nbf"));
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","iat":{})"))), HasSubstr("iat"));
}

TEST(Jwt, ChecksTheSubject) {
  const std::string most(128, 'x');
  for (const std::string& good : {std::string("a"), most, std::string("zoë 😀"), std::string("a@b.example|1")}) {
    EXPECT_TRUE(VerifyShared(Payload(good))) << good;
  }
  for (const std::string& bad :
       {std::string(), most + "x", std::string("a\\u0000"), std::string("a\\nb"), std::string("\\u202ea"),
        std::string("\\u0085"), std::string("a\x7f"), std::string("\xff"), std::string("\\ud800")}) {
    EXPECT_THAT(Refusal(VerifyShared(Payload(bad))), Not(HasSubstr("accepted"))) << bad;
  }
  for (const char* odd : {"1", "null", "[\"a\"]", "{}"}) {
    EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":)" + std::string(odd)))), HasSubstr("sub")) << odd;
  }
}

TEST(Jwt, MakesNamesFitForShowing) {
  EXPECT_EQ(VerifyShared(WithExp(R"(,"sub":"a","name":"A\n\u202eB")"))->name, "A  B");
  EXPECT_EQ(VerifyShared(WithExp(R"(,"sub":"a","name":")" + std::string(500, 'n') + "\""))->name.size(), 128U);
  EXPECT_EQ(VerifyShared(WithExp(R"(,"sub":"a","name":null)"))->name, "");
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","name":1)"))), HasSubstr("name"));
}

TEST(Jwt, ChecksIssuerAndAudienceWhereExpected) {
  const std::string payload = WithExp(R"(,"sub":"a","iss":"me","aud":["x","chat"])");
  EXPECT_TRUE(VerifyShared(payload));
  EXPECT_TRUE(VerifyShared(payload, {.issuer = "me", .audience = "chat"}));
  EXPECT_THAT(Refusal(VerifyShared(payload, {.issuer = "you", .audience = ""})), HasSubstr("iss"));
  EXPECT_THAT(Refusal(VerifyShared(payload, {.issuer = "", .audience = "y"})), HasSubstr("aud"));
  EXPECT_THAT(Refusal(VerifyShared(Payload(), {.issuer = "me", .audience = ""})), HasSubstr("iss"));
  EXPECT_THAT(Refusal(VerifyShared(Payload(), {.issuer = "", .audience = "y"})), HasSubstr("aud"));
  EXPECT_TRUE(VerifyShared(WithExp(R"(,"sub":"a","aud":"chat")"), {.issuer = "", .audience = "chat"}));
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","aud":["chat",1])"), {.issuer = "", .audience = "chat"})),
              HasSubstr("aud"));
}

TEST(Jwt, RefusesDuplicateClaimsAndBrokenJson) {
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","sub":"b")"))), HasSubstr("twice"));
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":"a","s\u0075b":"b")"))), HasSubstr("twice"));
  EXPECT_THAT(Refusal(VerifyShared(WithExp(R"(,"sub":null,"sub":"b")"))), HasSubstr("twice"));
  for (const std::string& bad :
       {std::string("[]"), std::string("null"), std::string(), Payload() + " x", std::string("{"),
        std::string(R"([{"sub":"a","exp":1700000060}])"), std::string(60, '[')}) {
    EXPECT_THAT(Refusal(VerifyShared(bad)), HasSubstr("payload")) << bad;
  }
  EXPECT_TRUE(VerifyShared(" " + Payload() + "\n"));
}

TEST(Jwt, RefusesWhatIsNoTokenWithoutRepeatingIt) {
  const auto keys = Shared();
  const std::string good = testing::Hs256Token(kSecret, kHeader, Payload());
  ASSERT_TRUE(keys->Verify(good, kNow));
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(keys->Verify(good.substr(0, i), kNow)) << i;
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(keys->Verify(changed, kNow)) << i;
  }
  for (const std::string& bad : {std::string("."), std::string(".."), std::string("secretpart"), good + ".", good + "=",
                                 good + " ", " " + good, std::string(8193, 'a'), std::string("secretpart.b.c")}) {
    EXPECT_THAT(Refusal(keys->Verify(bad, kNow)), Not(HasSubstr("secretpart")));
  }
  EXPECT_THAT(Refusal(keys->Verify("", kNow)), HasSubstr("required"));
  EXPECT_THAT(Refusal(keys->Verify(std::string(8193, 'a'), kNow)), HasSubstr("8 KiB"));
  EXPECT_THAT(
      Refusal(keys->Verify(testing::Hs256Token(kSecret, R"({"alg":"HS256","kid":"secretpart"})", Payload()), kNow)),
      Not(HasSubstr("secretpart")));
}

TEST(Jwt, RefusesSpareBitsInItsParts) {
  const std::string good = testing::Hs256Token(kSecret, kHeader, Payload());
  const auto last = good.back();  // 32 bytes: the last character carries two bits that must be 0
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    EXPECT_EQ(Shared()->Verify(good.substr(0, good.size() - 1) + c, kNow).has_value(), c == last) << c;
  }
}

TEST(Jwt, RefusesTheAlgorithmNone) {
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string text = testing::Unsigned(R"({"alg":")" + std::string(none) + "\"}", Payload());
    EXPECT_THAT(Refusal(Shared()->Verify(text + ".", kNow)), HasSubstr("alg"));
    EXPECT_THAT(Refusal(Shared()->Verify(text + "." + Base64UrlEncode(testing::HmacSha256(kSecret, text)), kNow)),
                HasSubstr("alg"));
  }
  for (const char* header :
       {"{}", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":"HS256","alg":"none"})", R"({"alg":"hs256"})",
        R"({"alg":"HS256","crit":[]})", R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":"HS256","kid":1})",
        R"({"alg":"HS256","typ":"logout+jwt"})"}) {
    EXPECT_FALSE(Shared()->Verify(testing::Hs256Token(kSecret, header, Payload()), kNow)) << header;
  }
  for (const char* header : {R"({"alg":"HS256"})", R"({"alg":"HS256","typ":"at+jwt","kid":null})",
                             R"({"alg":"HS256","typ":"application/JWT","cty":"x"})"}) {
    EXPECT_TRUE(Shared()->Verify(testing::Hs256Token(kSecret, header, Payload()), kNow)) << header;
  }
}

TEST(Jwt, ChoosesTheKeyByKidAlone) {
  const TemporaryFile file(Set({kEdJwk, RsaJwk()}));
  const auto keys = FromFile(file);
  const auto ed = keys->Verify(testing::PublicToken(EdKey(), R"({"alg":"EdDSA","kid":"ed"})", Payload()), kNow);
  ASSERT_TRUE(ed) << ed.error().message();
  EXPECT_EQ(ed->key_id, "ed");
  const auto rsa = keys->Verify(testing::PublicToken(RsaKey(), R"({"alg":"RS256","kid":"rsa"})", Payload()), kNow);
  ASSERT_TRUE(rsa) << rsa.error().message();
  EXPECT_EQ(rsa->key_id, "rsa");
  EXPECT_TRUE(keys->HasOutsideKeys());

  // One key's signature under another's name, and one algorithm under another's name.
  EXPECT_FALSE(keys->Verify(testing::PublicToken(EdKey(), R"({"alg":"RS256","kid":"rsa"})", Payload()), kNow));
  EXPECT_FALSE(keys->Verify(testing::PublicToken(EdKey(), R"({"alg":"EdDSA","kid":"rsa"})", Payload()), kNow));
  EXPECT_FALSE(keys->Verify(testing::PublicToken(RsaKey(), R"({"alg":"RS512","kid":"rsa"})", Payload()), kNow));
  EXPECT_FALSE(keys->Verify(testing::PublicToken(RsaKey(), R"({"alg":"RS256","kid":"RSA"})", Payload()), kNow));
  EXPECT_FALSE(keys->Verify(testing::PublicToken(RsaKey(), R"({"alg":"RS256","kid":""})", Payload()), kNow));
  EXPECT_THAT(Refusal(keys->Verify(testing::PublicToken(RsaKey(), R"({"alg":"RS256"})", Payload()), kNow)),
              HasSubstr("kid"));
}

TEST(Jwt, TakesNoPublicKeyForASecret) {
  const TemporaryFile file(Set({kEdJwk, RsaJwk()}));
  const auto keys = FromFile(file);
  const std::string modulus = Base64UrlDecode(RsaKey().Modulus()).value();
  const std::string point = Base64UrlDecode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").value();
  for (const std::string& known : {RsaKey().Pem(), RsaKey().Modulus(), modulus, EdKey().Pem(), point}) {
    for (const char* kid : {"rsa", "ed"}) {
      const std::string header = R"({"alg":"HS256","kid":")" + std::string(kid) + "\"}";
      EXPECT_THAT(Refusal(keys->Verify(testing::Hs256Token(known, header, Payload()), kNow)), HasSubstr("alg"));
    }
  }
}

TEST(Jwt, KeepsTheInternalKeyApart) {
  const auto keys = Shared();
  // The application's secret under the server's name, and the server's under no name.
  EXPECT_FALSE(keys->Verify(testing::Hs256Token(kSecret, R"({"alg":"HS256","kid":"tidings"})", Payload()), kNow));
  EXPECT_FALSE(keys->Verify(testing::Hs256Token(kOwnSecret, kHeader, Payload()), kNow));
  // Issuer and audience are asked of outside tokens only.
  const auto own = keys->Verify(testing::Hs256Token(kOwnSecret, R"({"alg":"HS256","kid":"tidings"})", Payload()), kNow,
                                {.issuer = "me", .audience = "chat"});
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->Internal());
}

TEST(Jwt, FallsBackToTheOnlyKey) {
  const auto alone = KeySet::Make({.secret = {}, .jwks_file = {}, .internal_secret = kOwnSecret}).value();
  EXPECT_FALSE(alone->HasOutsideKeys());
  EXPECT_TRUE(alone->Verify(testing::Hs256Token(kOwnSecret, kHeader, Payload()), kNow));

  const TemporaryFile one(Set({kEdJwk}));
  EXPECT_TRUE(FromFile(one)->Verify(testing::PublicToken(EdKey(), R"({"alg":"EdDSA"})", Payload()), kNow));
  EXPECT_FALSE(FromFile(one)->Verify(testing::Hs256Token(kOwnSecret, kHeader, Payload()), kNow));

  const auto none = KeySet::Make({}).value();
  EXPECT_FALSE(none->Verify(testing::Hs256Token(kOwnSecret, kHeader, Payload()), kNow));
}

TEST(Jwt, SignsWhatItVerifies) {
  const auto keys = Shared();
  const Grant grant{.sub = "zoë",
                    .name = "Zoë \"Z\"",
                    .admin = true,
                    .ttl = std::chrono::minutes(5),
                    .issuer = "me",
                    .audience = "chat"};
  for (const Signer signer : {Signer::kInternal, Signer::kShared}) {
    const auto token = keys->Sign(grant, kNow, signer);
    ASSERT_TRUE(token) << token.error().message();
    const auto claims = keys->Verify(*token, kNow, {.issuer = "me", .audience = "chat"});
    ASSERT_TRUE(claims) << claims.error().message();
    EXPECT_EQ(claims->sub, "zoë");
    EXPECT_EQ(claims->name, "Zoë \"Z\"");
    EXPECT_TRUE(claims->admin);
    EXPECT_EQ(claims->issued_at, kNow);
    EXPECT_EQ(claims->expires_at, kNow + 300'000);
    EXPECT_EQ(claims->Internal(), signer == Signer::kInternal);
  }
}

TEST(Jwt, SignsNothingItWouldRefuse) {
  const auto keys = Shared();
  EXPECT_FALSE(keys->Sign({.sub = ""}, kNow));
  EXPECT_FALSE(keys->Sign({.sub = "a\n"}, kNow));
  EXPECT_FALSE(keys->Sign({.sub = "a", .name = "\xff"}, kNow));
  EXPECT_FALSE(keys->Sign({.sub = "a", .name = {}, .admin = false, .ttl = std::chrono::seconds(0)}, kNow));
  EXPECT_FALSE(keys->Sign({.sub = "a", .name = {}, .admin = false, .ttl = std::chrono::hours(24 * 36600)}, kNow));
  EXPECT_FALSE(
      KeySet::Make({.secret = kSecret, .jwks_file = {}, .internal_secret = {}}).value()->Sign({.sub = "a"}, kNow));
}

TEST(Jwt, SaysWhichKeyIsBad) {
  EXPECT_THAT(KeySet::Make({.secret = "short", .jwks_file = {}, .internal_secret = {}}).error().message(),
              HasSubstr("32 bytes"));
  EXPECT_THAT(KeySet::Make({.secret = {}, .jwks_file = "/nowhere/keys.json", .internal_secret = {}}).error().message(),
              HasSubstr("/nowhere/keys.json"));
  const TemporaryFile file(Set({kEdJwk, R"({"kty":"EC","kid":"curve"})"}));
  const auto bad = KeySet::Make({.secret = {}, .jwks_file = file.path(), .internal_secret = {}});
  EXPECT_THAT(bad.error().message(), HasSubstr(file.path().string() + ": keys[1] (kid \"curve\"): \"kty\""));
  const TemporaryFile nameless(Set({R"({"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"})"}));
  EXPECT_FALSE(KeySet::Make({.secret = kSecret, .jwks_file = nameless.path(), .internal_secret = {}}));
  EXPECT_TRUE(FromFile(nameless)->Verify(testing::Hs256Token(kSecret, kHeader, Payload()), kNow));
}

TEST(Jwt, ReloadsAChangedFile) {
  TemporaryFile file(Set({kEdJwk}));
  const auto keys = FromFile(file);
  const std::string ed = testing::PublicToken(EdKey(), R"({"alg":"EdDSA","kid":"ed"})", Payload());
  const std::string rsa = testing::PublicToken(RsaKey(), R"({"alg":"RS256","kid":"rsa"})", Payload());
  EXPECT_FALSE(keys->Reload().value());
  file.Write("{");
  EXPECT_THAT(keys->Reload().error().message(), HasSubstr(file.path().string()));
  EXPECT_FALSE(keys->Reload().value());  // told once
  EXPECT_TRUE(keys->Verify(ed, kNow));   // the former keys stay
  file.Write(Set({RsaJwk()}));
  EXPECT_TRUE(keys->Reload().value());
  EXPECT_FALSE(keys->Verify(ed, kNow));
  EXPECT_TRUE(keys->Verify(rsa, kNow));
  std::filesystem::remove(file.path());
  EXPECT_FALSE(keys->Reload());
  EXPECT_TRUE(keys->Verify(rsa, kNow));
}

TEST(Jwt, VerifiesWhileItReloads) {
  TemporaryFile file(Set({kEdJwk}));
  const auto keys = FromFile(file);
  const std::string token = testing::PublicToken(EdKey(), R"({"alg":"EdDSA","kid":"ed"})", Payload());
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        for (int k = 0; k < 50; ++k) refused += keys->Verify(token, kNow) ? 0 : 1;
      });
    }
    for (int k = 0; k < 20; ++k) {
      file.Write(k % 2 == 0 ? Set({kEdJwk, RsaJwk()}) : Set({kEdJwk}));
      EXPECT_TRUE(keys->Reload());
    }
  }
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace tidings::auth
