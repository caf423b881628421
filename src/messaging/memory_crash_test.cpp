// Crash points: a publisher and a consumer are ended at their first, second, third … step, and each time nothing may be lost,
// nothing acknowledged that was not handled, and nothing acknowledged come again.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <tidings/messaging/memory_transport.hpp>

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;

constexpr int kMessages = 12;

// One process of the scenario: its own event loop and its own transport; the broker and the time outlive it.
class Process {
 public:
  Process(std::shared_ptr<MemoryBroker> broker, Timers& timers)
      : timers_(timers), transport_(std::make_unique<MemoryTransport>(context_.get_executor(), std::move(broker))) {}
  ~Process() { End(true); }

  void Start() {
    Spawn(0, Publish());
    Spawn(1, Work());
  }
  void Drain() { Spawn(1, Work()); }
  // The next step of any of them; false if all wait.
  bool Step() {
    context_.restart();
    return context_.poll_one() > 0;
  }
  // As a crash, which takes the transport first, or by cancelling its coroutines while the transport lives.
  void End(bool crash) {
    if (crash) transport_.reset();
    for (auto& cancel : cancels_) cancel.emit(boost::asio::cancellation_type::all);
    while (Step()) {
    }
    transport_.reset();
    while (Step()) {
    }
  }

  std::set<std::string> accepted;
  std::set<std::string> handled;
  std::set<std::string> acknowledged;  // or buried

 private:
  void Spawn(std::size_t place, Task<void> task) {
    boost::asio::co_spawn(
        context_, std::move(task),
        boost::asio::bind_cancellation_slot(cancels_[place].slot(), [](const std::exception_ptr&) {}));
  }

  // What is under way when a process dies does nothing more.
  Transport& transport() {
    if (!transport_) throw std::runtime_error("the process is dead");
    return *transport_;
  }

  Task<void> Publish() {
    for (int i = 0; i < kMessages; ++i) {
      const std::string id = "message-" + std::to_string(i) + "-" + std::to_string(i % 6);
      PublishOptions options;
      if (i % 6 == 2) options.delay = 30ms;
      const auto published =
          co_await transport().Publish(Address::Queue("jobs"), Message::WithId(id, "", std::to_string(i)), options);
      if (!published) co_return;
      accepted.insert(id);
      co_await timers_.Sleep(5ms);
    }
  }

  Task<void> Work() {
    auto consumer = co_await transport().Consume("jobs", ConsumeOptions(3));
    if (!consumer) co_return;
    for (;;) {
      auto next = co_await (*consumer)->Next();
      if (!next) co_return;
      co_await Handle(std::move(*next));
    }
  }

  // The first time a message is treated as the last digit of its id says; later it is acknowledged.
  Task<void> Handle(Delivery delivery) {
    const std::string id = delivery.message().id;
    co_await timers_.Sleep(3ms);
    handled.insert(id);
    const bool first = delivery.deliveries() == 1 && treated_.insert(id).second;
    switch (first ? id.back() : '0') {
      case '1': (void)co_await delivery.Retry("not yet", 20ms, timers_.Now()); break;
      case '3': (void)co_await delivery.Nack(); break;
      case '4': break;  // dropped
      case '5':
        if (co_await delivery.Bury(DeathReason::kRejected, "bad", timers_.Now())) acknowledged.insert(id);
        break;
      default:
        if (co_await delivery.Ack()) acknowledged.insert(id);
    }
  }

  Timers& timers_;
  boost::asio::io_context context_;
  std::array<boost::asio::cancellation_signal, 2> cancels_;
  std::set<std::string> treated_;
  std::unique_ptr<MemoryTransport> transport_;
};

// Runs until the given step, or until nothing more happens: false.
bool RunUntil(Process& process, VirtualTimers& timers, int step) {
  for (int steps = 0; steps < step;) {
    if (process.Step()) {
      ++steps;
      continue;
    }
    const auto next = timers.Next();
    if (!next) return false;
    timers.Advance(*next);
  }
  return true;
}

class CrashTest : public ::testing::TestWithParam<bool> {
 protected:
  // Returns whether the scenario went on until the step.
  bool EndsAt(int step) {
    VirtualTimers timers;
    LossLedger ledger;
    const auto broker = std::make_shared<MemoryBroker>(timers, &ledger);
    Declare(broker);
    Process first(broker, timers);
    first.Start();
    const bool reached = RunUntil(first, timers, step);
    const bool crash = GetParam();
    first.End(crash);
    Process second(broker, timers);
    second.Drain();
    EXPECT_FALSE(RunUntil(second, timers, 10'000)) << "it goes round and round";
    for (const std::string& id : first.accepted) {
      EXPECT_TRUE(first.acknowledged.contains(id) || second.acknowledged.contains(id)) << id << " is lost";
    }
    for (const std::string& id : first.acknowledged) {
      EXPECT_TRUE(first.handled.contains(id)) << id << " was not handled";
      EXPECT_FALSE(second.handled.contains(id)) << id << " came again";
    }
    EXPECT_TRUE(ledger.All().empty());
    return reached;
  }

 private:
  static void Declare(const std::shared_ptr<MemoryBroker>& broker) {
    boost::asio::io_context context;
    MemoryTransport transport(context.get_executor(), broker);
    boost::asio::co_spawn(
        context, [&]() -> Task<void> { EXPECT_TRUE(co_await transport.Declare(Topology().AddQueue("jobs"))); },
        [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    context.run();
  }
};

TEST_P(CrashTest, LosesNothingAtAnyStep) {
  int step = 0;
  while (EndsAt(step)) {
    ASSERT_FALSE(HasFailure()) << "ended at step " << step;
    ASSERT_LT(++step, 5'000);
  }
  EXPECT_FALSE(HasFailure()) << "ended at step " << step;
  EXPECT_GT(step, 30) << "the scenario has steps";
}

INSTANTIATE_TEST_SUITE_P(Ends, CrashTest, ::testing::Bool(),
                         [](const auto& run) { return run.param ? "ByCrash" : "ByCancellation"; });

}  // namespace
}  // namespace tidings::messaging
