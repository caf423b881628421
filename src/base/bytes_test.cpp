#include <tidings/base/bytes.hpp>

#include <gtest/gtest.h>

namespace tidings {
namespace {

TEST(Base64, EncodesAndDecodesEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(Base64Encode("foob"), "Zm9vYg==");
}

TEST(Base64, AcceptsLineEndsAndMissingPadding) {
  EXPECT_EQ(Base64Decode("Zm9v\r\nYg==\n"), "foob");
  EXPECT_EQ(Base64Decode("Zm9vYg"), "foob");
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Zm9v!", "Z", "Zm9vYg=a", "Zg===", "Zm9vYg="}) EXPECT_FALSE(Base64Decode(text)) << text;
  EXPECT_FALSE(Base64UrlDecode("Zg=="));
  EXPECT_FALSE(Base64UrlDecode("Zh"));
}

TEST(Utf8, TellsWellFormedFromBroken) {
  EXPECT_TRUE(IsUtf8("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x91\x8d"));
  for (const char* text : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(Utf8, ChecksPiecesAsTheWhole) {
  const std::string text = "\xf0\x9f\x91\x8d\xe2\x82\xac";
  Utf8Checker checker;
  for (const char c : text) EXPECT_TRUE(checker.Feed(std::string_view(&c, 1)));
  EXPECT_TRUE(checker.Complete());
  EXPECT_TRUE(checker.Feed("\xe2"));
  EXPECT_FALSE(checker.Complete());
  EXPECT_FALSE(checker.Feed("a"));
}

TEST(ParseWhole, TakesWhatClientsMayWrite) {
  EXPECT_EQ(ParseWhole("0"), 0U);
  EXPECT_EQ(ParseWhole("9007199254740991"), 9007199254740991U);
  for (const char* text : {"", "-1", "1.5", "01", "9007199254740992", "99999999999999999999", "1e3", " 1"}) {
    EXPECT_FALSE(ParseWhole(text)) << text;
  }
}

}  // namespace
}  // namespace tidings
