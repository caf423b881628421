#include <tidings/base/json_mending.hpp>

#include <gtest/gtest.h>

namespace tidings {
namespace {

TEST(JsonMending, ReplacesLoneSurrogatesAlone) {
  const auto mended = [](std::string_view text) { return json::WithoutLoneSurrogates(text).value_or("as it was"); };
  EXPECT_EQ(mended(R"("\ud83d")"), R"("\ufffd")");
  EXPECT_EQ(mended(R"("\uDC00x")"), R"("\ufffdx")");
  EXPECT_EQ(mended(R"("\udc00\ud83d")"), R"("\ufffd\ufffd")");
  EXPECT_EQ(mended(R"("\ud83d\uD83D\uDE00\ude00")"), R"("\ufffd\uD83D\uDE00\ufffd")");
  EXPECT_EQ(mended(R"("\ud83d\n\u0041\ud83d\\")"), R"("\ufffd\n\u0041\ufffd\\")");
  EXPECT_EQ(mended(R"("\\\udfff")"), R"("\\\ufffd")");
  for (const char* text : {"", "\\", "\"", R"("\ud83d\ude00")", R"("\\ud83d")", R"("\ud83)", R"("\u-83d")",
                           R"("\u d83")", R"("\ud7ff\ue000\"")"}) {
    EXPECT_EQ(mended(text), "as it was") << text;
  }
}

TEST(JsonMending, MendsWhatWasCutWithinACharacterAndNothingElse) {
  std::string mended;
  std::string_view text = R"({"\ud83d":["\ude00"]})";
  EXPECT_EQ(json::serialize(json::ParseMending(text, mended).value()), "{\"\ufffd\":[\"\ufffd\"]}");
  EXPECT_EQ(text, R"({"\ufffd":["\ufffd"]})");
  EXPECT_EQ(text.data(), mended.data());
  mended.clear();
  text = R"("\\ud83d")";
  EXPECT_EQ(json::ParseMending(text, mended)->as_string(), R"(\ud83d)");
  EXPECT_EQ(mended, "");
  for (std::string_view bad : {R"("\ud83d)", R"(\ud83d)", R"(["\ud83d",])", "{", "\"\xff\""}) {
    EXPECT_FALSE(json::ParseMending(bad, mended)) << bad;
  }
}

}  // namespace
}  // namespace tidings
