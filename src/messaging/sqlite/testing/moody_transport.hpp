// MoodyTransport: a transport in memory that refuses what a test tells it to, and knows in which order it took the rest.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/memory_transport.hpp>

namespace tidings::messaging::testing {

class MoodyTransport final : public Transport {
 public:
  MoodyTransport(Executor executor, Timers& timers) : own_(std::move(executor), timers) {}

  // An error: the message is not taken.
  std::function<std::optional<Error>(const Message&)> refuses;
  std::vector<std::string> taken;  // bodies
  std::vector<std::string> ids;    // of all tries

  std::string_view name() const override { return own_.name(); }
  const Capabilities& capabilities() const override { return own_.capabilities(); }
  Executor executor() override { return own_.executor(); }
  Task<Status> Declare(Topology topology) override { return own_.Declare(std::move(topology)); }
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options) override {
    ids.push_back(message.id);
    if (refuses) {
      if (auto error = refuses(message)) co_return std::unexpected(*std::move(error));
    }
    std::string body = message.body;
    auto published = co_await own_.Publish(std::move(to), std::move(message), options);
    if (published) taken.push_back(std::move(body));
    co_return published;
  }
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override {
    return own_.Pop(std::move(queue), timeout);
  }
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue, ConsumeOptions options) override {
    return own_.Consume(std::move(queue), options);
  }
  Task<Result<QueueStats>> Stats(std::string queue) override { return own_.Stats(std::move(queue)); }
  Task<Result<std::uint64_t>> Purge(std::string queue) override { return own_.Purge(std::move(queue)); }
  Task<Status> DeleteQueue(std::string queue) override { return own_.DeleteQueue(std::move(queue)); }
  Task<Result<std::vector<std::string>>> Queues() override { return own_.Queues(); }
  Task<void> Close() override { return own_.Close(); }

 private:
  MemoryTransport own_;
};

}  // namespace tidings::messaging::testing
