#include <utility>

#include "testing/pub_sub_suite.hpp"

namespace tidings::messaging::testing {

std::unique_ptr<Subscription> PubSubSuite::Subscribe(std::vector<std::string> topics) {
  return Must(Run(pub_sub().Subscribe(std::move(topics))));
}

std::size_t PubSubSuite::Send(const std::string& topic, Message message) {
  return Must(Run(pub_sub().Publish(topic, std::move(message))));
}

Notice PubSubSuite::Receive(Subscription& subscription) { return Must(Run(subscription.Next())); }

std::shared_ptr<PubSubSuite::Pending> PubSubSuite::Await(Subscription& subscription) {
  auto pending = std::make_shared<Pending>();
  Spawn(Fetch(subscription, pending));
  return pending;
}

Task<void> PubSubSuite::Fetch(Subscription& subscription, std::shared_ptr<Pending> pending) {
  pending->result = co_await subscription.Next();
  pending->ended = true;
}

}  // namespace tidings::messaging::testing
