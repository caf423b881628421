#include <tidings/realtime/arguments.hpp>

#include <gtest/gtest.h>

namespace tidings::realtime {
namespace {

TEST(Arguments, TakesValuesOfAllKinds) {
  const std::string text = "te\"xt";
  const auto made = Arguments::Of(1, -2LL, 3u, true, nullptr, "c", text, std::string_view("v"), json::object{{"a", 1}},
                                  json::array{1, 2}, json::value("x"), RawJson{"[0.10]"}, 0.5);
  EXPECT_EQ(made.text(), R"(1,-2,3,true,null,"c","te\"xt","v",{"a":1},[1,2],"x",[0.10],5E-1)");
  EXPECT_TRUE(made.attachments().empty());
}

TEST(Arguments, NumbersItsAttachments) {
  auto made = Arguments::Of(Binary{"one"}, "x", Binary{"two"});
  const json::value inner = json::object{{"deep", made.Attach("three")}};
  made.Add(inner);
  EXPECT_EQ(made.text(), R"({"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1},)"
                         R"({"deep":{"_placeholder":true,"num":2}})");
  EXPECT_EQ(made.attachments(), (std::vector<Bytes>{"one", "two", "three"}));
}

TEST(Args, AreReadByPlace) {
  const auto values = json::Parse(R"(["event",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}},7])");
  const Args args(values->as_array(), 1, "…", {"zero", "one"});
  EXPECT_EQ(args.size(), 3u);
  EXPECT_FALSE(args.empty());
  EXPECT_EQ(args.at(2), 7);
  EXPECT_TRUE(args.at(3).is_null());
  ASSERT_NE(args.binary(0), nullptr);
  EXPECT_EQ(*args.binary(0), "one");
  EXPECT_EQ(args.binary(1), nullptr);
  EXPECT_EQ(*args.binary(args.at(1).at("a")), "zero");
  EXPECT_EQ(args.binary(9), nullptr);
}

TEST(Args, TakesNoPlaceholderWithoutAttachments) {
  const auto values = json::Parse(R"([{"_placeholder":true,"num":0}])");
  const Args args(values->as_array(), 0, "…", {});
  EXPECT_EQ(args.binary(0), nullptr);
  EXPECT_TRUE(Args().empty());
}

}  // namespace
}  // namespace tidings::realtime
