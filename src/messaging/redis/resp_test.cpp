#include "resp.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tidings::redis {
namespace {

using namespace std::string_literals;

// As text, to compare: (1 "a" nil [..]).
std::string Shown(const Value& value) {
  switch (value.type()) {
    case ReplyType::kSimple: return "+" + std::string(value.text());
    case ReplyType::kError: return "-" + std::string(value.text());
    case ReplyType::kInteger: return std::to_string(value.integer());
    case ReplyType::kBulk: return "\"" + std::string(value.text()) + "\"";
    case ReplyType::kNull: return "nil";
    case ReplyType::kArray: break;
  }
  std::string text = "[";
  for (const Value element : value) text += Shown(element) + " ";
  return text + "]";
}

// All replies in `bytes`, fed in pieces of `step`.
std::string Replies(const std::string& bytes, std::size_t step) {
  ReplyParser parser;
  std::string shown;
  std::size_t begin = 0;
  for (std::size_t have = 0; have < bytes.size();) {
    have = std::min(bytes.size(), have + step);
    for (;;) {
      // A copy of its own, so that reading past it is seen.
      const std::string part = bytes.substr(begin, have - begin);
      if (part.empty()) break;
      const auto whole = parser.Parse(part);
      if (!whole) return shown + "broken";
      if (!*whole) break;
      shown += Shown(parser.value(part)) + ";";
      begin += parser.consumed();
      parser.Next();
    }
  }
  return begin == bytes.size() ? shown : shown + "more";
}

void ExpectReplies(const std::string& bytes, const std::string& shown) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()}) {
    EXPECT_EQ(Replies(bytes, step), shown) << "in pieces of " << step;
  }
}

TEST(Resp, ReadsEveryType) {
  ExpectReplies("+OK\r\n", "+OK;");
  ExpectReplies("-ERR no\r\n", "-ERR no;");
  ExpectReplies(":-42\r\n", "-42;");
  ExpectReplies(":999999999\r\n:1234567890\r\n:-9223372036854775808\r\n", "999999999;1234567890;-9223372036854775808;");
  ExpectReplies("$5\r\nh\r\nlo\r\n", "\"h\r\nlo\";");
  ExpectReplies("$0\r\n\r\n", "\"\";");
  ExpectReplies("$-1\r\n*-1\r\n", "nil;nil;");
  ExpectReplies("*0\r\n", "[];");
}

TEST(Resp, ReadsWhatIsNested) {
  ExpectReplies("*3\r\n*0\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n:7\r\n", "[[] [1 [\"a\" ] ] nil ];7;");
}

TEST(Resp, FindsElementsByIndex) {
  const std::string bytes = "*3\r\n*2\r\n:1\r\n:2\r\n*0\r\n:3\r\n";
  ReplyParser parser;
  ASSERT_TRUE(*parser.Parse(bytes));
  const Value value = parser.value(bytes);
  ASSERT_EQ(value.size(), 3U);
  EXPECT_EQ(value[0][1].integer(), 2);
  EXPECT_EQ(value[1].size(), 0U);
  EXPECT_EQ(value[2].integer(), 3);
  EXPECT_EQ(value[2].Describe(), "the number 3");
}

TEST(Resp, RefusesWhatIsNone) {
  for (const std::string bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "\r\n", "+OK\n", ":1x\r\n", ":\r\n", "$-2\r\n", "*-2\r\n", "$1\r\nab\r\n",
        "$x\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "$99999999999\r\n", "*99999999\r\n",
        "$99999999999999999999999\r\n", "%1\r\n"}) {
    EXPECT_EQ(Replies(bytes, bytes.size()), "broken") << bytes;
    EXPECT_EQ(Replies(bytes, 1), "broken") << bytes;
  }
  EXPECT_EQ(Replies("+" + std::string(ReplyParser::kMostLine + 1, 'x'), 4'096), "broken");
}

TEST(Resp, StaysBroken) {
  ReplyParser parser;
  EXPECT_FALSE(parser.Parse("x\r\n"));
  EXPECT_FALSE(parser.Parse("+OK\r\n"));
}

TEST(Resp, WritesCommands) {
  Arguments arguments{"SET", std::string_view("k\0y", 3)};
  arguments.Add(std::int64_t{-7}).AddWritten(2, [](std::string& out) { out += "ab"; });
  arguments.AddAll(Arguments{""});
  EXPECT_EQ(ArrayHead(arguments.count()) + arguments.bytes(),
            "*5\r\n$3\r\nSET\r\n$3\r\nk\0y\r\n$2\r\n-7\r\n$2\r\nab\r\n$0\r\n\r\n"s);
}

}  // namespace
}  // namespace tidings::redis
