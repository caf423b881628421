#include <tidings/messaging/bus.hpp>

#include <stdexcept>

namespace tidings::messaging {

Task<Status> Bus::Start() {
  Topology topology = topology_;
  if (Status declared = co_await transport_.Declare(std::move(topology)); !declared) co_return declared;
  co_return co_await router_.Start();
}

Task<Status> Bus::PublishMessage(std::string topic, Message message) {
  Topic to(transport_, std::move(topic));
  auto published = co_await to.Publish(std::move(message));
  if (!published) co_return std::unexpected(published.error());
  co_return Status();
}

std::string Bus::AddGroup(const std::string& topic, const Group& group, std::vector<std::string> patterns) {
  const Topic subscribed(transport_, topic);
  for (const QueueDeclaration& queue : topology_.queues()) {
    if (queue.name != topic + "." + group.name()) continue;
    throw std::invalid_argument("group " + group.name() + " of topic " + topic +
                                " has a handler already; give it several types by Dispatch");
  }
  topology_.Add(subscribed.topology());
  std::string name;
  for (std::string& pattern : patterns) name = subscribed.AddGroup(topology_, group.name(), std::move(pattern));
  return name;
}

void Bus::AddDeadLetters(const std::string& queue) {
  QueueOptions options;
  options.dead_letters = false;
  options.delivery_limit = 0;
  topology_.AddQueue(queue, options);
}

}  // namespace tidings::messaging
