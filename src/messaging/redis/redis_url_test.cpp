#include <tidings/messaging/redis/redis_url.hpp>

#include <gtest/gtest.h>

namespace tidings::redis {
namespace {

TEST(RedisUrl, ReadsEveryPart) {
  const auto url = RedisUrl::Parse("redis://me:p%40ss%3a@example.org:7000/3");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss:");
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->database, 3U);
  EXPECT_EQ(url->Text(), "redis://me@example.org:7000/3") << "without the password";
}

TEST(RedisUrl, HasDefaults) {
  const auto url = RedisUrl::Parse("redis://:secret@[::1]");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "");
  EXPECT_EQ(url->password, "secret");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 6379);
  EXPECT_EQ(RedisUrl::Parse("redis://[::1]:7/")->port, 7);
}

TEST(RedisUrl, RefusesTheRest) {
  for (const std::string_view url : {"", "127.0.0.1", "http://x", "rediss://x", "redis://", "redis://:1", "redis://x:0",
                                     "redis://x:65536", "redis://x:", "redis://x/y", "redis://me@x", "redis://:%4@x",
                                     "redis://:%zz@x", "redis://[::1", "redis://[::1]7"}) {
    EXPECT_FALSE(RedisUrl::Parse(url)) << url;
  }
}

}  // namespace
}  // namespace tidings::redis
