// The conformance suite of Transport's queues and exchanges. An implementation runs it in a test file of its own:
//
//   #include "../testing/transport_suite.hpp"
//   namespace tidings::messaging::testing {
//   Case MyCase() { return Case("Mine", features, [] { return std::make_unique<MyEnvironment>(); }); }
//   INSTANTIATE_TEST_SUITE_P(Mine, TransportSuite, ::testing::Values(MyCase()), CaseName);
//   INSTANTIATE_TEST_SUITE_P(Mine, DisturbedSuite, ::testing::Values(MyCase()), CaseName);
//   }
//
// and its layer names messaging_transport among its SUITES: the tests are in transport_suite/, compiled once for all.
//
// An environment (transport_case.hpp) is made for each test and opens transports over the same data; a server that several
// tests share is the environment maker's own business, for the tests' names never meet. Features say what can be done to it,
// capabilities() what the transport claims; what neither claims is skipped, and what the port says must be refused is tested
// to be. More cases are more environments: behind a proxy that delays, that writes single bytes (steady), or that cuts
// (Features::steady = false). Time is virtual or real; then `unit` is its grain: 50 ms and more.
//
// pub_sub_suite.hpp and streams_suite.hpp are the rest. The sizes of `./dev test --full` come by TIDINGS_TEST_FULL=1.
#pragma once

#include <functional>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

class TransportSuite : public TransportFixture {};

// Producers and a consumer at work while `disturb` is called now and then: nothing that was accepted is lost, and all go on
// by themselves.
class DisturbedSuite : public TransportFixture {
 protected:
  void WorkThrough(int disturbances, const std::function<void()>& disturb);
};

}  // namespace tidings::messaging::testing
