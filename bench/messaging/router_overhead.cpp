// What the router costs a message: the same messages through the memory transport bare, through a Router with its default
// retry, and with more around the handler. One JSON object each, the median of five, in
// nanoseconds of CPU a message.
//
//   bench_router [MESSAGES]
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <ctime>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/handler_metrics.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/timeout.hpp>
#include <tidings/messaging/trace_context.hpp>

namespace {

using namespace tidings::messaging;
namespace asio = boost::asio;

double CpuNanos() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Fills the queue, then times how long `run` takes to empty it.
double Measure(std::uint64_t messages, const std::function<Task<void>(Transport&, Timers&, std::uint64_t)>& run) {
  asio::io_context context(1);
  SystemTimers timers(context.get_executor());
  MemoryTransport transport(context.get_executor(), timers);
  double took = 0;
  const auto all = [&]() -> Task<void> {
    Topology topology;
    topology.AddQueue("q");
    if (!co_await transport.Declare(topology)) std::abort();
    const Message sample("bench", std::string(300, 'x'));
    for (std::uint64_t i = 0; i < messages; ++i) {
      Message message = sample;
      auto published = co_await transport.Publish(Address::Queue("q"), std::move(message), PublishOptions());
      if (!published) std::abort();
    }
    const double began = CpuNanos();
    co_await run(transport, timers, messages);
    took = CpuNanos() - began;
  };
  asio::co_spawn(context, all, [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  return took / static_cast<double>(messages);
}

Task<void> Bare(Transport& transport, Timers&, std::uint64_t messages) {
  const ConsumeOptions options(32);
  auto consumer = co_await transport.Consume("q", options);
  if (!consumer) std::abort();
  for (std::uint64_t i = 0; i < messages; ++i) {
    auto delivery = co_await (*consumer)->Next();
    if (!delivery || delivery->message().body.size() != 300) std::abort();
    if (!co_await delivery->Ack()) std::abort();
  }
  co_await (*consumer)->Stop();
}

template <class... Parts>
Task<void> Routed(Transport& transport, Timers& timers, std::uint64_t messages, Parts... parts) {
  Router router(transport, timers);
  Signal done(transport.executor());
  std::uint64_t handled = 0;
  router.Subscribe("q", parts..., [&](Context& context) -> Task<Status> {
    if (context.message().body.size() != 300) std::abort();
    if (++handled == messages) done.NotifyAll();
    co_return Status();
  });
  if (!co_await router.Start()) std::abort();
  while (handled < messages) co_await done.Wait();
  co_await router.Stop();
}

void Row(const char* name, std::vector<double>& figures, double bare) {
  std::ranges::sort(figures);
  const double median = figures[figures.size() / 2];
  std::printf(R"({"what":"%s","cpu_ns":%.0f,"above_bare_ns":%.0f})"
              "\n",
              name, median, median - bare);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t messages = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300'000;
  std::vector<double> bare;
  std::vector<double> one;
  std::vector<double> many;
  std::vector<double> ordered;
  std::vector<double> around;
  for (int run = 0; run < 5; ++run) {
    bare.push_back(Measure(messages, Bare));
    one.push_back(Measure(messages, [](Transport& transport, Timers& timers, std::uint64_t count) {
      return Routed(transport, timers, count, Concurrency(1), Prefetch(32));
    }));
    many.push_back(Measure(messages, [](Transport& transport, Timers& timers, std::uint64_t count) {
      return Routed(transport, timers, count, Concurrency(16), Prefetch(32));
    }));
    ordered.push_back(Measure(messages, [](Transport& transport, Timers& timers, std::uint64_t count) {
      return Routed(transport, timers, count, Concurrency(16), Prefetch(32), OrderByKey());
    }));
    around.push_back(Measure(messages, [](Transport& transport, Timers& timers, std::uint64_t count) {
      return Routed(transport, timers, count, Concurrency(16), Prefetch(32), Use(std::make_shared<HandlerMetrics>()),
                    Use(std::make_shared<TraceContext>()));
    }));
  }
  std::vector<double> sorted = bare;
  std::ranges::sort(sorted);
  const double base = sorted[sorted.size() / 2];
  Row("bare consumer", bare, base);
  Row("router, retry, 1 at once", one, base);
  Row("router, retry, 16 at once", many, base);
  Row("... ordered by key", ordered, base);
  Row("... metrics and trace context", around, base);
}
