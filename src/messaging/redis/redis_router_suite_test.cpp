// Router, DeadLetters, Requester and Topic over a real redis-server.
#include <gtest/gtest.h>

#include "../testing/router_suite.hpp"
#include "testing/redis_environment.hpp"

namespace tidings::messaging::testing {
namespace {

using redis::testing::RedisCase;

INSTANTIATE_TEST_SUITE_P(Redis, RouterSuite,
                         ::testing::Values(RedisCase("Bare", std::nullopt, 60ms),
                                           RedisCase("Delayed", Faults().Delay(2ms), 100ms),
                                           RedisCase("OneByte", Faults().OneByteWrites(), 100ms)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(Redis, DisturbedRouter,
                         ::testing::Values(RedisCase("Bare", std::nullopt, 60ms), RedisCase("Proxy", Faults(), 60ms),
                                           RedisCase("Delayed", Faults().Delay(2ms), 100ms)),
                         CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
