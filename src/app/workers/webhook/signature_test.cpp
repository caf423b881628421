#include "webhook/signature.hpp"

#include <gtest/gtest.h>

namespace tidings::app {
namespace {

// The example of the specification's reference libraries.
TEST(WebhookSignature, IsThatOfTheSpecification) {
  EXPECT_EQ(SignWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                        R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignature, TakesSecretsOfItsFormOnly) {
  EXPECT_TRUE(WebhookKey(NewWebhookSecret()));
  EXPECT_NE(NewWebhookSecret(), NewWebhookSecret());
  for (const char* secret : {"", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"}) {
    EXPECT_FALSE(WebhookKey(secret)) << secret;
  }
}

}  // namespace
}  // namespace tidings::app
