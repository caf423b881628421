#include <tidings/messaging/timers.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST(VirtualTimers, RingInOrderOfTheirTime) {
  VirtualTimers timers;
  std::vector<int> rung;
  const Alarm late = timers.Set(20ms, [&] { rung.push_back(2); });
  const Alarm early = timers.Set(10ms, [&] { rung.push_back(1); });
  const Alarm equal = timers.Set(20ms, [&] { rung.push_back(3); });
  Alarm dropped = timers.Set(15ms, [&] { rung.push_back(9); });
  dropped.Cancel();
  timers.Advance(19ms);
  EXPECT_EQ(rung, (std::vector<int>{1}));
  EXPECT_EQ(timers.Next(), 1ms);
  timers.Advance(1ms);
  EXPECT_EQ(rung, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(timers.Next());
}

TEST(VirtualTimers, AnAlarmSetByAnotherRingsInTheSameAdvance) {
  VirtualTimers timers;
  std::vector<Millis> at;
  Alarm second;
  const Millis begin = timers.Steady();
  const Alarm first = timers.Set(10ms, [&] {
    at.push_back(timers.Steady() - begin);
    second = timers.Set(10ms, [&] { at.push_back(timers.Steady() - begin); });
  });
  timers.Advance(100ms);
  EXPECT_EQ(at, (std::vector<Millis>{10, 20}));
  EXPECT_EQ(timers.Steady() - begin, 100);
}

// Each frame owns the signal that it waits on, and is owned by it.
TEST(Signal, WhoWaitsEndsWithTheContext) {
  VirtualTimers timers;
  const auto seen = std::make_shared<int>(0);
  {
    asio::io_context context;
    for (int i = 0; i < 3; ++i) {
      asio::co_spawn(
          context,
          [](Timers& time, std::shared_ptr<int> held) -> Task<void> {
            Signal signal(co_await asio::this_coro::executor);
            ++*held;
            if (*held == 2) co_await time.Sleep(1h);
            co_await signal.Wait();
            ++*held;
          }(timers, seen),
          asio::detached);
    }
    context.poll();
    EXPECT_EQ(seen.use_count(), 4);
  }
  EXPECT_EQ(seen.use_count(), 1) << "a frame outlived its context";
  EXPECT_EQ(*seen, 3);
  EXPECT_FALSE(timers.Next()) << "an alarm outlived its frame";
}

TEST(Signal, WakesInTheOrderOfWaiting) {
  asio::io_context context;
  Signal signal(context.get_executor());
  std::vector<int> woken;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(
        context,
        [&, i]() -> Task<void> {
          co_await signal.Wait();
          woken.push_back(i);
        },
        asio::detached);
  }
  context.run_for(0ms);
  context.restart();
  context.poll();
  signal.NotifyOne();
  context.restart();
  context.poll();
  EXPECT_EQ(woken, (std::vector<int>{0}));
  signal.NotifyAll();
  context.restart();
  context.poll();
  EXPECT_EQ(woken, (std::vector<int>{0, 1, 2}));
}

TEST(Signal, TellsTimeFromNotification) {
  asio::io_context context;
  Signal signal(context.get_executor());
  VirtualTimers timers;
  std::vector<bool> notified;
  const auto wait = [&]() -> Task<void> { notified.push_back(co_await signal.WaitFor(timers, 50ms)); };
  asio::co_spawn(context, wait, asio::detached);
  context.poll();
  timers.Advance(50ms);
  context.restart();
  context.poll();
  ASSERT_EQ(notified, (std::vector<bool>{false}));
  asio::co_spawn(context, wait, asio::detached);
  context.restart();
  context.poll();
  signal.NotifyOne();
  context.restart();
  context.poll();
  EXPECT_EQ(notified, (std::vector<bool>{false, true}));
  EXPECT_FALSE(timers.Next()) << "the alarm is taken back";
}

TEST(Signal, CanBeCancelled) {
  asio::io_context context;
  Signal signal(context.get_executor());
  asio::cancellation_signal cancel;
  bool ended = false;
  asio::co_spawn(
      context, [&]() -> Task<void> { co_await signal.Wait(); },
      asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr&) { ended = true; }));
  context.poll();
  EXPECT_FALSE(ended);
  EXPECT_TRUE(signal.waited_for());
  cancel.emit(asio::cancellation_type::terminal);
  context.restart();
  context.poll();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(signal.waited_for());
}

TEST(Signal, LetsGoWhoeverWaitsWhenItEnds) {
  asio::io_context context;
  auto signal = std::make_unique<Signal>(context.get_executor());
  bool ended = false;
  asio::co_spawn(
      context,
      [&]() -> Task<void> {
        co_await signal->Wait();
        ended = true;
      },
      asio::detached);
  context.poll();
  signal.reset();
  context.restart();
  context.poll();
  EXPECT_TRUE(ended);
}

TEST(Timers, SleepInTheirOwnTime) {
  asio::io_context context;
  VirtualTimers timers;
  bool woke = false;
  asio::co_spawn(
      context,
      [&]() -> Task<void> {
        co_await timers.Sleep(1h);
        woke = true;
      },
      asio::detached);
  context.poll();
  timers.Advance(1h);
  context.restart();
  context.poll();
  EXPECT_TRUE(woke);
}

TEST(Timers, ASleepThatIsCancelledDoesNotGoOnAsIfTimeHadPassed) {
  asio::io_context context;
  VirtualTimers timers;
  asio::cancellation_signal cancel;
  bool went_on = false;
  std::exception_ptr thrown;
  asio::co_spawn(
      context,
      [&]() -> Task<void> {
        co_await timers.Sleep(1h);
        went_on = true;
      },
      asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& end) { thrown = end; }));
  context.poll();
  cancel.emit(asio::cancellation_type::terminal);
  context.restart();
  context.poll();
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(thrown);
}

TEST(SystemTimers, RingOnTheExecutor) {
  asio::io_context context;
  SystemTimers timers(context.get_executor());
  bool rang = false;
  const Alarm alarm = timers.Set(1ms, [&] { rang = true; });
  {
    const Alarm dropped = timers.Set(0ms, [&] { FAIL() << "it was taken back"; });
  }
  context.run_for(10s);
  EXPECT_TRUE(rang);
}

}  // namespace
}  // namespace tidings::messaging
