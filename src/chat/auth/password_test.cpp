#include <tidings/auth/password.hpp>

#include <gtest/gtest.h>

namespace tidings::auth {
namespace {

TEST(Password, HashesWithArgon2idAndASalt) {
  const std::string hash = HashPassword("correct horse").value();
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=65536,t=2,p=1$")) << hash;
  EXPECT_NE(hash, HashPassword("correct horse").value());
  EXPECT_TRUE(VerifyPassword(hash, "correct horse"));
  EXPECT_FALSE(VerifyPassword(hash, "correct horsf"));
  EXPECT_FALSE(VerifyPassword(hash, ""));
  EXPECT_FALSE(NeedsRehash(hash));
}

TEST(Password, AcceptsNothingForNobody) {
  EXPECT_FALSE(VerifyPassword("", "correct horse"));
  EXPECT_FALSE(VerifyPassword("nonsense", "nonsense"));
  EXPECT_FALSE(VerifyPassword(std::string(500, '$'), "x"));
  EXPECT_TRUE(NeedsRehash("nonsense"));
  EXPECT_TRUE(
      NeedsRehash("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"));
}

TEST(Password, HasBounds) {
  EXPECT_FALSE(CheckPassword("1234567"));
  EXPECT_TRUE(CheckPassword("12345678"));
  EXPECT_TRUE(CheckPassword(std::string(256, 'x')));
  EXPECT_FALSE(CheckPassword(std::string(257, 'x')));
}

TEST(Password, NormalizesUsernames) {
  EXPECT_EQ(NormalizeUsername("Alice_B.c-9").value(), "alice_b.c-9");
  for (const char* bad : {"", "ab", "a b", "alice!", "zo\xc3\xab", "a@b", "a/b/c", "a\nb"})
    EXPECT_FALSE(NormalizeUsername(bad)) << bad;
  EXPECT_TRUE(NormalizeUsername(std::string(32, 'a')));
  EXPECT_FALSE(NormalizeUsername(std::string(33, 'a')));
}

}  // namespace
}  // namespace tidings::auth
