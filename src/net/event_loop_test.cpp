#include <tidings/net/event_loop.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include <unistd.h>

namespace tidings::net {
namespace {

using std::chrono::milliseconds;

class EventLoopTest : public testing::Test {
 protected:
  void Turn() { loop_.Turn(milliseconds(0)); }
  FakeClock clock_;
  EventLoop loop_{clock_};
  std::string log_;
};

TEST_F(EventLoopTest, RunsTimersInTheOrderOfTheirTimes) {
  loop_.RunAfter(milliseconds(20), [&] { log_ += 'b'; });
  loop_.RunAfter(milliseconds(10), [&] { log_ += 'a'; });
  loop_.RunAfter(milliseconds(20), [&] { log_ += 'c'; });
  Turn();
  EXPECT_EQ(log_, "");
  clock_.Advance(milliseconds(10));
  Turn();
  EXPECT_EQ(log_, "a");
  clock_.Advance(milliseconds(10));
  Turn();
  EXPECT_EQ(log_, "abc");
}

TEST_F(EventLoopTest, RepeatsAndCancels) {
  EventLoop::TimerId every = loop_.RunEvery(milliseconds(10), [&] { log_ += 'x'; });
  EventLoop::TimerId once = loop_.RunAfter(milliseconds(15), [&] { log_ += 'y'; });
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(milliseconds(10));
    Turn();
    if (i == 0) loop_.Cancel(once);
  }
  EXPECT_EQ(log_, "xxx");
  loop_.Cancel(every);
  EXPECT_FALSE(every);
  clock_.Advance(milliseconds(100));
  Turn();
  EXPECT_EQ(log_, "xxx");
}

TEST_F(EventLoopTest, ATimerMayCancelItself) {
  EventLoop::TimerId every;
  every = loop_.RunEvery(milliseconds(10), [&] {
    log_ += 'x';
    loop_.Cancel(every);
  });
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(milliseconds(10));
    Turn();
  }
  EXPECT_EQ(log_, "x");
}

TEST_F(EventLoopTest, LateTurnsAreNotMadeUpFor) {
  loop_.RunEvery(milliseconds(10), [&] { log_ += 'x'; });
  clock_.Advance(milliseconds(95));
  Turn();
  EXPECT_EQ(log_, "x");
}

TEST_F(EventLoopTest, PostsKeepTheirOrderAndThoseOfPostsComeLater) {
  loop_.Post([&] {
    log_ += 'a';
    loop_.Post([&] { log_ += 'c'; });
  });
  loop_.Post([&] { log_ += 'b'; });
  Turn();
  EXPECT_EQ(log_, "ab");
  Turn();
  EXPECT_EQ(log_, "abc");
}

TEST_F(EventLoopTest, HooksEndEachTurnAndMayRemoveThemselves) {
  EventLoop::HookId first = 0;
  first = loop_.AtTurnEnd([&] {
    log_ += 'a';
    loop_.RemoveHook(first);
  });
  loop_.AtTurnEnd([&] { log_ += 'b'; });
  loop_.Post([&] { log_ += 'p'; });
  Turn();
  Turn();
  EXPECT_EQ(log_, "pabb");
}

// Closes another source within the turn in which both are ready.
class Closer final : public EventSource {
 public:
  Closer(EventLoop& loop, int fd) : loop_(loop), fd_(fd) { loop_.Watch(fd_, EPOLLIN, *this); }
  void OnReady(std::uint32_t) override {
    ++calls;
    if (other != nullptr) loop_.Unwatch(other->fd_, *other);
    loop_.Unwatch(fd_, *this);
  }
  Closer* other = nullptr;
  int calls = 0;

 private:
  EventLoop& loop_;
  const int fd_;
};

TEST_F(EventLoopTest, ASourceThatIsUnwatchedIsNotCalledInTheSameTurn) {
  int a[2];
  int b[2];
  ASSERT_EQ(pipe(a) | pipe(b), 0);
  Closer first(loop_, a[0]);
  Closer second(loop_, b[0]);
  first.other = &second;
  second.other = &first;
  ASSERT_EQ(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
  Turn();
  EXPECT_EQ(first.calls + second.calls, 1);
  for (const int fd : {a[0], a[1], b[0], b[1]}) close(fd);
}

TEST(EventLoopThreads, PostsAndStopsFromOtherThreads) {
  SystemClock clock;
  EventLoop loop(clock);
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1'000; ++j) {
        loop.Post([&] {
          if (++count == 4'000) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  EXPECT_EQ(count, 4'000);
  for (auto& thread : threads) thread.join();
}

TEST(EventLoopThreads, StopBeforeRunCounts) {
  SystemClock clock;
  EventLoop loop(clock);
  loop.Stop();
  loop.Run();
}

}  // namespace
}  // namespace tidings::net
