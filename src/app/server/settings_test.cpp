#include "settings.hpp"

#include <gtest/gtest.h>

namespace tidings::app {
namespace {

TEST(ServerSettings, RateLimitsOffLiftsWhatAnAddressMayHold) {
  Config config;
  config.rate_limits = true;
  EXPECT_LT(SocketOptionsOf(config).engine.max_polling_per_address, SocketOptionsOf(config).engine.max_sessions);
  EXPECT_NE(HttpOptionsOf(config).max_connections_per_address, 0U);
  config.rate_limits = false;
  EXPECT_EQ(SocketOptionsOf(config).engine.max_polling_per_address, SocketOptionsOf(config).engine.max_sessions);
  EXPECT_EQ(HttpOptionsOf(config).max_connections_per_address, 0U);
  EXPECT_FALSE(ChatSettingsOf(config).rate_limits);
}

}  // namespace
}  // namespace tidings::app
