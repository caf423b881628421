// What Router, DeadLetters, Requester and Topic do on every transport. An implementation's test includes this and says:
//
//   INSTANTIATE_TEST_SUITE_P(Redis, RouterSuite, ::testing::Values(MyCase()), CaseName);
//   INSTANTIATE_TEST_SUITE_P(Redis, DisturbedRouter, ::testing::Values(MyCase()), CaseName);
//
// Its layer names messaging_router among its SUITES; the tests are in router_suite/, compiled once for all of them. The cases
// are those of transport_suite.hpp, with Features::steady.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <tidings/messaging/router.hpp>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

using namespace std::chrono_literals;

class RouterSuite : public TransportFixture {
 protected:
  void SetUp() override;

  // Lets things happen until the condition holds; virtual time is moved on by the millisecond.
  bool Until(const std::function<bool()>& condition);
  void DeclareQueue(const std::string& queue);
  void Publish(Message message);
  void Start(Router& router);
  // A stop moves time on where it stands still.
  void Stop(Router& router, std::chrono::milliseconds deadline = 5s, std::chrono::milliseconds grace = 1s);
  std::vector<Message> Dead();
  // So many dead letters, numbered from 0; returns their ids.
  std::vector<std::string> BuryNumbered(int count);

  std::string queue_;
};

// All of them at work while connections and servers die.
class DisturbedRouter : public RouterSuite {
 protected:
  // Beside the test, to queue_; their ids as they are accepted.
  void PublishUntilAccepted(int from, int count, std::set<std::string>& accepted);
  // Of queue_ and its dead letters.
  bool NothingIsLeft();
};

}  // namespace tidings::messaging::testing
