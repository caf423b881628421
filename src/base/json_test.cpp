#include <tidings/base/json.hpp>

#include <gtest/gtest.h>

namespace tidings {
namespace {

TEST(Json, RefusesWhatIsMalformed) {
  for (const char* text : {"", "{", "[1,]", "1e400", "\"\\ud800\"", "\"\xff\"", "{} {}", "nul", "[-1e999]", "01"}) {
    EXPECT_FALSE(json::Parse(text)) << text;
  }
  EXPECT_FALSE(json::Parse(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(json::Parse(std::string(64, '[') + std::string(64, ']')));
}

TEST(Json, ReadsScalarsAndKeepsTheLastDuplicate) {
  EXPECT_EQ(json::Parse("12")->as_int64(), 12);
  EXPECT_EQ(json::Parse(R"({"a":1,"a":2})")->as_object().at("a").as_int64(), 2);
}

TEST(Json, WritesWhatItReads) {
  std::string out;
  json::ObjectWriter(out).Text("t", "a\"\\\n\x01\xc3\xa9").Number("n", 7).Bool("b", true).Null("x").Time("at", 0).End();
  EXPECT_EQ(
      out, "{\"t\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"n\":7,\"b\":true,\"x\":null,\"at\":\"1970-01-01T00:00:00.000Z\"}");
  EXPECT_EQ(json::Parse(out)->as_object().at("t").as_string(), "a\"\\\n\x01\xc3\xa9");
}

TEST(Json, NamesTheMemberOfTheWrongType) {
  const auto parsed = json::Parse(R"({"a":{},"n":-1,"h":1.5,"w":5.0,"l":["x",1]})");
  const json::object& object = parsed->as_object();
  EXPECT_EQ(json::OptionalText(object, "a").error().message(), "\"a\" must be a string");
  EXPECT_FALSE(json::OptionalWhole(object, "n"));
  EXPECT_FALSE(json::OptionalWhole(object, "h"));
  EXPECT_EQ(json::OptionalWhole(object, "w")->value(), 5U);
  const json::object made{{"u", std::uint64_t{5}}, {"large", std::uint64_t{1} << 60}};
  EXPECT_EQ(json::OptionalWhole(made, "u")->value(), 5U);
  EXPECT_FALSE(json::OptionalWhole(made, "large"));
  EXPECT_FALSE(json::TextList(object, "l", 5));
  EXPECT_FALSE(json::OptionalText(object, "missing")->has_value());
}

}  // namespace
}  // namespace tidings
