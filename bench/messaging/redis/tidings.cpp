// The Redis transport: a window of messages is published by as many calls at once, handed to a consumer and acknowledged
// one by one; as streams: appended, read by a group, acknowledged.
#include <tidings/messaging/redis/redis_transport.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/streams.hpp>

#include "../figures.hpp"
#include "order.hpp"

namespace {

namespace asio = boost::asio;
using namespace tidings;
using namespace tidings::messaging;

template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "tidings: %s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Counts down to nothing.
class Countdown {
 public:
  Countdown(const Executor& executor, std::uint64_t count) : left_(count), done_(executor) {}
  void One() {
    if (--left_ == 0) done_.NotifyAll();
  }
  Task<void> Wait() {
    while (left_ > 0) co_await done_.Wait();
  }

 private:
  std::uint64_t left_;
  Signal done_;
};

class Bench {
 public:
  Bench(asio::io_context& context, redis::RedisTransport& transport, const bench::Order& order)
      : context_(context), transport_(transport), order_(order), body_(300, 'x'), handled_(context.get_executor()) {}

  Task<void> Run() {
    if (order_.streams) {
      Must(co_await transport_.streams()->CreateGroup("bench", "readers", StreamId()));
    } else {
      Topology topology;
      topology.AddQueue("bench");
      Must(co_await transport_.Declare(topology));
    }
    const figures::Run run;
    if (order_.streams) {
      co_await Streams();
    } else {
      co_await Lists();
    }
    run.Print("tidings", order_.messages, std::move(latencies_));
    co_await transport_.Close();
  }

 private:
  bool alone() const { return order_.window == 1; }
  // Until the message before was acknowledged.
  Task<void> Free() {
    while (!free_) co_await handled_.Wait();
    free_ = false;
  }

  Task<void> Publish(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      if (alone()) co_await Free();
      sent_ = figures::Clock::now();
      Must(co_await transport_.Publish(Address::Queue("bench"), Message(body_), PublishOptions()));
    }
  }
  Task<void> Acknowledge(Delivery delivery, Countdown& left) {
    if (delivery.message().body.size() != body_.size()) std::abort();
    Must(co_await delivery.Ack());
    left.One();
    free_ = true;
    if (alone()) handled_.NotifyAll();
  }
  Task<void> Lists() {
    auto consumer =
        Must(co_await transport_.Consume("bench", ConsumeOptions(static_cast<std::uint16_t>(order_.window))));
    for (std::uint64_t i = 0; i < order_.window; ++i) {
      asio::co_spawn(context_, Publish(order_.messages / order_.window), asio::detached);
    }
    Countdown left(context_.get_executor(), order_.messages);
    for (std::uint64_t i = 0; i < order_.messages; ++i) {
      Delivery delivery = Must(co_await consumer->Next());
      if (alone()) latencies_.push_back(figures::MicrosSince(sent_));
      asio::co_spawn(context_, Acknowledge(std::move(delivery), left), asio::detached);
    }
    co_await left.Wait();
    co_await consumer->Stop();
  }

  Task<void> Append(Countdown& left) {
    Must(co_await transport_.streams()->Append("bench", Message(body_)));
    left.One();
  }
  Task<void> Streams() {
    for (std::uint64_t done = 0; done < order_.messages; done += order_.window) {
      Countdown left(context_.get_executor(), order_.window);
      sent_ = figures::Clock::now();
      for (std::uint64_t i = 0; i < order_.window; ++i) asio::co_spawn(context_, Append(left), asio::detached);
      co_await left.Wait();
      auto entries = Must(co_await transport_.streams()->ReadGroup("bench", "readers", "me", order_.window,
                                                                   std::chrono::milliseconds(0)));
      if (alone()) latencies_.push_back(figures::MicrosSince(sent_));
      std::vector<StreamId> ids;
      for (const StreamEntry& entry : entries) {
        if (entry.message.body.size() != body_.size()) std::abort();
        ids.push_back(entry.id);
      }
      if (Must(co_await transport_.streams()->Acknowledge("bench", "readers", std::move(ids))) != order_.window) {
        std::abort();
      }
    }
  }

  asio::io_context& context_;
  redis::RedisTransport& transport_;
  const bench::Order& order_;
  const std::string body_;
  figures::Clock::time_point sent_;
  std::vector<double> latencies_;
  bool free_ = true;
  Signal handled_;
};

}  // namespace

int main(int count, char** values) {
  const bench::Order order(count, values);
  asio::io_context context(1);
  SystemTimers timers(context.get_executor());
  redis::RedisUrl url;
  url.port = order.port;
  redis::RedisTransport transport(context.get_executor(), timers, redis::RedisOptions(url));
  Bench bench(context, transport, order);
  asio::co_spawn(context, bench.Run(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
}
