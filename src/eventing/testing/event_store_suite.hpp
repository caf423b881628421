// The conformance suite of EventStore. An implementation runs it in a test file of its own:
//
//   #include "../../eventing/testing/event_store_suite.hpp"
//   INSTANTIATE_TEST_SUITE_P(Memory, EventStoreSuite, ::testing::Values(Case("Memory", features, make)), CaseName);
//
// inside namespace tidings::eventing::testing, and its layer names eventing_event_store among its SUITES: the tests are in
// event_store_suite/, compiled once for all.
#pragma once

#include "event_store_case.hpp"
