#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

Task<Status> Transport::PublishAll(std::vector<Outgoing> messages) {
  for (Outgoing& outgoing : messages) {
    auto published = co_await Publish(std::move(outgoing.to), std::move(outgoing.message), outgoing.options);
    if (!published) co_return std::unexpected(published.error());
  }
  co_return Status();
}

}  // namespace tidings::messaging
