// bench_rabbit_tidings URL QUEUE WINDOW MESSAGES: publishes with WINDOW unconfirmed, consumes with that prefetch, acknowledges.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/signal.hpp>

#include "../figures.hpp"

namespace {

using namespace tidings::messaging;

class Bench {
 public:
  Bench(boost::asio::io_context& context, RabbitTransport& transport, std::string queue, int window, int messages)
      : context_(context),
        transport_(transport),
        queue_(std::move(queue)),
        window_(window),
        messages_(messages),
        all_confirmed_(context.get_executor()) {}

  Task<void> Main() {
    QueueOptions options;
    options.quorum = false;
    options.dead_letters = false;
    Topology topology;
    topology.AddQueue(queue_, options);
    if (const auto declared = co_await transport_.Declare(topology); !declared) Fail(declared.error());
    auto consumer = co_await transport_.Consume(queue_, ConsumeOptions(static_cast<std::uint16_t>(window_)));
    if (!consumer) Fail(consumer.error());
    if (const auto ready = co_await transport_.Connect(std::chrono::seconds(5)); !ready) Fail(ready.error());
    const figures::Run run;
    for (int i = 0; i < window_; ++i) boost::asio::co_spawn(context_, Publish(), boost::asio::detached);
    for (int handled = 0; handled < messages_; ++handled) {
      auto delivery = co_await (*consumer)->Next();
      if (!delivery) Fail(delivery.error());
      if (window_ == 1) Handled();
      if (const auto acked = co_await delivery->Ack(); !acked) Fail(acked.error());
    }
    // The last ones may be handled before they are confirmed.
    while (confirmed_ < messages_) co_await all_confirmed_.Wait();
    run.Print("tidings", static_cast<std::uint64_t>(messages_), std::move(latencies_));
    co_await transport_.Close();
    context_.stop();
  }

 private:
  [[noreturn]] static void Fail(const tidings::Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    std::exit(1);
  }
  void Handled() { latencies_.push_back(figures::MicrosSince(sent_)); }
  Task<void> Publish() {
    while (published_ < messages_) {
      ++published_;
      if (window_ == 1) sent_ = std::chrono::steady_clock::now();
      const auto done = co_await transport_.Publish(Address::Queue(queue_), Message("bench", std::string(300, 'x')));
      if (!done) Fail(done.error());
      if (++confirmed_ == messages_) all_confirmed_.NotifyAll();
    }
  }

  boost::asio::io_context& context_;
  RabbitTransport& transport_;
  std::string queue_;
  int window_;
  int messages_;
  int published_ = 0;
  int confirmed_ = 0;
  Signal all_confirmed_;
  std::chrono::steady_clock::time_point sent_;
  std::vector<double> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  boost::asio::io_context context(1);
  SystemTimers timers(context.get_executor());
  LossLedger ledger;
  RabbitOptions options(argv[1]);
  options.window = static_cast<std::size_t>(std::atoi(argv[3]));
  auto transport = RabbitTransport::Make(context.get_executor(), timers, ledger, options);
  if (!transport) return 2;
  Bench bench(context, **transport, argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
  boost::asio::co_spawn(context, bench.Main(), boost::asio::detached);
  context.run();
  return 0;
}
