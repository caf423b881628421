// The conformance suite of PubSub; run as transport_suite.hpp says, with PubSubSuite and SUITES messaging_pub_sub.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/pub_sub.hpp>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

class PubSubSuite : public TransportFixture {
 protected:
  PubSub& pub_sub() { return *transport().pub_sub(); }
  std::unique_ptr<Subscription> Subscribe(std::vector<std::string> topics);
  std::size_t Send(const std::string& topic, Message message);
  Notice Receive(Subscription& subscription);
  // Of a Next that goes on beside the test.
  class Pending {
   public:
    bool ended = false;
    std::optional<Result<Notice>> result;
  };
  std::shared_ptr<Pending> Await(Subscription& subscription);

 private:
  static Task<void> Fetch(Subscription& subscription, std::shared_ptr<Pending> pending);
};

}  // namespace tidings::messaging::testing
