#include "url.hpp"

#include <gtest/gtest.h>

namespace tidings::messaging::rabbitmq {
namespace {

TEST(AmqpUrl, HasTheDefaultsOfRabbitMq) {
  const auto url = ParseUrl("amqp://");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "localhost");
  EXPECT_EQ(url->port, 5672);
  EXPECT_EQ(url->user, "guest");
  EXPECT_EQ(url->password, "guest");
  EXPECT_EQ(url->vhost, "/");
  EXPECT_FALSE(url->heartbeat);
  EXPECT_EQ(ParseUrl("amqps://broker")->port, 5671);
  EXPECT_EQ(ParseUrl("amqp://broker/")->vhost, "/") << "as most clients read it";
}

TEST(AmqpUrl, DecodesItsParts) {
  const auto url = ParseUrl("amqp://us%65r:p%40ss%3a@[::1]:10000/a%2Fb?heartbeat=7&connection_timeout=1");
  ASSERT_TRUE(url) << url.error().message();
  EXPECT_EQ(url->user, "user");
  EXPECT_EQ(url->password, "p@ss:");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 10000);
  EXPECT_EQ(url->vhost, "a/b");
  EXPECT_EQ(url->heartbeat, 7);
  EXPECT_EQ(ParseUrl("amqp://h/%2F")->vhost, "/");
  EXPECT_EQ(ParseUrl("amqps://h?verify=verify_none&cacertfile=/a%20b")->ca_file, "/a b");
}

TEST(AmqpUrl, RefusesOthersWithoutShowingThePassword) {
  for (const char* text :
       {"http://h", "amqp://u:secret%4@h", "amqp://u:secret@h:0", "amqp://u:secret@h:70000", "amqp://u:secret@h/a/b",
        "amqp://u:secret@[::1", "amqp://u:secret@h?heartbeat=x", "amqp://u:secret@h?verify=maybe", ""}) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), ErrorCode::kInvalid);
    EXPECT_EQ(url.error().message().find("secret"), std::string::npos) << url.error().message();
  }
  EXPECT_EQ(ParseUrl("amqp://u:secret@h/v")->Shown(), "amqp://h:5672/v");
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
