#include <tidings/base/id.hpp>

#include <gtest/gtest.h>

#include <set>

namespace tidings {
namespace {

TEST(Uuid, SortsByTimeAndParsesBack) {
  const Uuid early = Uuid::Random(1'000);
  const Uuid late = Uuid::Random(2'000);
  EXPECT_LT(early.Text(), late.Text());
  EXPECT_EQ(Uuid::Parse(early.Text()), early);
  EXPECT_EQ(early.Text()[14], '7');
  for (const char* text : {"", "0190163d-8694-739b-aea5-966c26f8ad9", "0190163D-8694-739b-aea5-966c26f8ad90",
                           "0190163d_8694-739b-aea5-966c26f8ad90"}) {
    EXPECT_FALSE(Uuid::Parse(text)) << text;
  }
}

TEST(Uuid, NamesItsPlace) {
  const std::uint64_t most = (1ULL << 48) - 1;
  for (const std::uint64_t place : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{123456789012}, most}) {
    EXPECT_EQ(Uuid::AtPlace(1'700'000'000'000, place, 0xffffffff).Place(), place);
  }
  EXPECT_LT(Uuid::AtPlace(5, 9, 1).Text(), Uuid::AtPlace(5, 10, 1).Text());
}

TEST(RandomToken, DoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.insert(RandomToken(20)).second);
}

TEST(Time, FormatsAndParses) {
  EXPECT_EQ(FormatTime(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20.123Z"), 1'700'000'000'123);
  EXPECT_FALSE(ParseTime("2023-13-14T22:13:20.123Z"));
  EXPECT_FALSE(ParseTime("2023-11-14T22:13:20Z"));
}

}  // namespace
}  // namespace tidings
