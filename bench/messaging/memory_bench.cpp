// Messages a second through the in-memory transport on one core: published, handled and acknowledged, 300-byte bodies.
//
//   bench_memory_transport [MESSAGES] [WINDOW]
//
// One JSON object a scenario, and one of the latency of single messages. "named" makes each message's id anew, as programs do;
// "given" takes one that is there, which leaves what the transport itself costs.
#include <tidings/messaging/memory_transport.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/signal.hpp>

#include "figures.hpp"

namespace tidings::messaging {
namespace {

class Flow {
 public:
  Flow(Transport& transport, Executor executor, Address to, std::uint64_t messages, std::uint64_t window, bool named)
      : transport_(transport),
        room_(executor),
        to_(std::move(to)),
        messages_(messages),
        window_(window),
        named_(named) {}

  Task<void> Produce() {
    const std::string body(300, 'b');
    for (std::uint64_t i = 0; i < messages_; ++i) {
      while (under_way_ >= window_) co_await room_.Wait();
      ++under_way_;
      Message message = named_ ? Message("bench", body) : Message::WithId("bench", "bench", body);
      if (window_ == 1) sent_ = figures::Clock::now();
      const auto published = co_await transport_.Publish(to_, std::move(message), PublishOptions());
      if (!published) Fail(published.error());
    }
  }

  Task<void> Consume() {
    auto consumer = co_await transport_.Consume("jobs", ConsumeOptions(16));
    if (!consumer) Fail(consumer.error());
    for (std::uint64_t i = 0; i < messages_; ++i) {
      auto delivery = co_await (*consumer)->Next();
      if (!delivery) Fail(delivery.error());
      if (window_ == 1) latencies.push_back(figures::MicrosSince(sent_));
      if (delivery->message().body.size() != 300) std::abort();
      if (const Status acknowledged = co_await delivery->Ack(); !acknowledged) Fail(acknowledged.error());
      if (--under_way_ == window_ / 2) room_.NotifyOne();
    }
  }

  std::vector<double> latencies;  // of messages under way alone

 private:
  [[noreturn]] static void Fail(const Error& error) {
    std::fprintf(stderr, "bench_memory_transport: %s\n", error.message().c_str());
    std::exit(1);
  }

  Transport& transport_;
  Signal room_;
  Address to_;
  std::uint64_t messages_;
  std::uint64_t window_;
  bool named_;
  std::uint64_t under_way_ = 0;
  figures::Clock::time_point sent_;
};

void Measure(const char* name, const Address& to, std::uint64_t messages, std::uint64_t window, bool named) {
  boost::asio::io_context context(1);
  SystemTimers timers(context.get_executor());
  MemoryTransport transport(context.get_executor(), timers);
  const Topology topology =
      Topology().AddQueue("jobs").AddExchange("orders", ExchangeKind::kTopic).Bind("orders", "jobs", "order.*");
  boost::asio::co_spawn(
      context, [&]() -> Task<void> { (void)co_await transport.Declare(topology); }, boost::asio::detached);
  context.run();
  context.restart();
  Flow flow(transport, context.get_executor(), to, messages, window, named);
  boost::asio::co_spawn(context, flow.Consume(), boost::asio::detached);
  boost::asio::co_spawn(context, flow.Produce(), boost::asio::detached);
  const figures::Run run;
  context.run();
  run.Print(name, messages, std::move(flow.latencies));
}

}  // namespace
}  // namespace tidings::messaging

int main(int argc, char** argv) {
  using tidings::messaging::Address;
  using tidings::messaging::Measure;
  const std::uint64_t messages = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::uint64_t window = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'024;
  Measure("queue, named", Address::Queue("jobs"), messages, window, true);
  Measure("queue, given", Address::Queue("jobs"), messages, window, false);
  Measure("topic, named", Address::Exchange("orders", "order.created"), messages, window, true);
  Measure("one by one", Address::Queue("jobs"), messages / 10, 1, true);
}
