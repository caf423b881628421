// The conformance suites over a real server: straight, and through a proxy that treats every byte badly.
#include <gtest/gtest.h>

#include "../testing/pub_sub_suite.hpp"
#include "../testing/streams_suite.hpp"
#include "../testing/transport_suite.hpp"
#include "testing/rabbit_environment.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;

const auto kCases = ::testing::Values(RabbitStraight(), RabbitThrough("Delayed", Faults().Delay(5ms), Pace::kSlow),
                                      RabbitThrough("OneByte", Faults().OneByteWrites(), Pace::kSlow));
const auto kDisturbed = ::testing::Values(RabbitStraight(), RabbitThrough("Proxy", Faults(), Pace::kQuick),
                                          RabbitThrough("Delayed", Faults().Delay(5ms), Pace::kSlow),
                                          RabbitThrough("OneByte", Faults().OneByteWrites(), Pace::kSlow));

INSTANTIATE_TEST_SUITE_P(Rabbit, TransportSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, DisturbedSuite, kDisturbed, CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, PubSubSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, StreamsSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, DisturbedStreamsSuite, kDisturbed, CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
