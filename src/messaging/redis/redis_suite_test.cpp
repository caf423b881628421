// The conformance suites over a real redis-server: bare, and through a proxy that treats every byte badly.
#include <gtest/gtest.h>

#include "../testing/pub_sub_suite.hpp"
#include "../testing/streams_suite.hpp"
#include "../testing/transport_suite.hpp"
#include "testing/redis_environment.hpp"

namespace tidings::messaging::testing {
namespace {

using redis::testing::RedisCase;

const auto kCases = ::testing::Values(
    RedisCase("Bare", std::nullopt, std::chrono::milliseconds(60)),
    RedisCase("Delayed", Faults().Delay(std::chrono::milliseconds(2)), std::chrono::milliseconds(100)),
    RedisCase("OneByte", Faults().OneByteWrites(), std::chrono::milliseconds(100)));

INSTANTIATE_TEST_SUITE_P(Redis, TransportSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Redis, DisturbedSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Redis, PubSubSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Redis, StreamsSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Redis, DisturbedStreamsSuite, kCases, CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
