#include <tidings/chat/text_scan.hpp>

#include <gtest/gtest.h>

#include <set>

namespace tidings::chat {
namespace {

std::vector<std::string> Mentions(std::string_view text) {
  static const std::set<std::string, std::less<>> members = {"ann", "bob", "a.b", "ann-marie", "user:1"};
  return FindMentions(text, [](std::string_view id) { return members.contains(id); });
}

using List = std::vector<std::string>;

TEST(FindMentions, FindsMembersOnly) {
  EXPECT_EQ(Mentions("hi @ann, and @nobody or @bob!"), (List{"ann", "bob"}));
  EXPECT_EQ(Mentions("@ann @ann"), (List{"ann"}));
  EXPECT_EQ(Mentions("ask @a.b. or @user:1: or @ann-marie-"), (List{"a.b", "user:1", "ann-marie"}));
}

TEST(FindMentions, LeavesAddressesAlone) { EXPECT_EQ(Mentions("mail joe@bob or x@ann"), List{}); }

TEST(FindMentions, SkipsCodeSpans) {
  EXPECT_EQ(Mentions("`@ann` @bob"), (List{"bob"}));
  EXPECT_EQ(Mentions("```\n@ann\n``` @bob"), (List{"bob"}));
  EXPECT_EQ(Mentions("`` @ann ` @bob ``"), List{});
  EXPECT_EQ(Mentions("an open ` does no harm to @ann"), (List{"ann"}));
}

TEST(FindMentions, StaysLinearOverManyBackticks) {
  std::string text;
  for (int i = 1; i < 400; ++i) text += std::string(static_cast<std::size_t>(i), '`') + " ";
  EXPECT_EQ(Mentions(text + "@ann"), (List{"ann"}));
}

TEST(FindMentions, AsksAboutFewStrangersAndEachOnce) {
  std::size_t asked = 0;
  const auto find = [&](std::string_view text) {
    asked = 0;
    return FindMentions(text, [&](std::string_view id) {
      ++asked;
      return id == "ann";
    });
  };
  std::string same;
  for (int i = 0; i < 5'000; ++i) same += "@Override @ann ";
  EXPECT_EQ(find(same), (List{"ann"}));
  EXPECT_EQ(asked, 2u);
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += " @" + std::to_string(i);
  find(many);
  EXPECT_EQ(asked, kMostStrangers);
  std::string dots;
  for (int i = 0; i < 128; ++i) dots += "@" + std::string(400, '.') + " ";
  find(dots);
  EXPECT_LE(asked, kMostStrangers);
}

TEST(FindLinks, FindsAddresses) {
  EXPECT_EQ(FindLinks("see https://example.org/a?b=c#d, (http://x.y/z).", 10),
            (List{"https://example.org/a?b=c#d", "http://x.y/z"}));
  EXPECT_EQ(FindLinks("https://en.wikipedia.org/wiki/A_(b)", 10), (List{"https://en.wikipedia.org/wiki/A_(b)"}));
  EXPECT_EQ(FindLinks("http:// https:// xhttp://a ftp://b `https://c`", 10), List{});
  EXPECT_EQ(FindLinks("http://a http://a http://b http://c", 2), (List{"http://a", "http://b"}));
}

TEST(PendingLinks, KnowsNothingYet) {
  EXPECT_EQ(PendingLinks({}), "");
  EXPECT_EQ(PendingLinks({"http://a"}),
            R"([{"url":"http://a","status":"pending","title":"","description":"","image":"","site":""}])");
}

}  // namespace
}  // namespace tidings::chat
