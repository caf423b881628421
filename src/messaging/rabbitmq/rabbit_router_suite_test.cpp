// Router, DeadLetters, Requester and Topic over a real server.
#include <gtest/gtest.h>

#include "../testing/router_suite.hpp"
#include "testing/rabbit_environment.hpp"

namespace tidings::messaging::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Rabbit, RouterSuite,
                         ::testing::Values(RabbitStraight(), RabbitThrough("Delayed", Faults().Delay(5ms), Pace::kSlow),
                                           RabbitThrough("OneByte", Faults().OneByteWrites(), Pace::kSlow)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, DisturbedRouter,
                         ::testing::Values(RabbitStraight(), RabbitThrough("Proxy", Faults(), Pace::kQuick),
                                           RabbitThrough("Delayed", Faults().Delay(5ms), Pace::kSlow)),
                         CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
