// EventLoop: readiness of sockets, timers and work from other threads, all called on one thread. One loop a thread.
//
//   SystemClock clock;
//   EventLoop loop(clock);
//   loop.RunAfter(std::chrono::seconds(1), [&] { loop.Stop(); });
//   loop.Run();
//
// A turn is: wait, sockets that are ready, posted work, timers that are due, end-of-turn hooks. What is to be written
// is gathered during a turn and written in its hooks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include <sys/epoll.h>

#include <tidings/base/clock.hpp>
#include <tidings/base/guarded.hpp>

namespace tidings::net {

// Who is told that a file descriptor is ready. Not owned by the loop.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // `events` is a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
  virtual void OnReady(std::uint32_t events) = 0;
};

// All calls on the thread that runs the loop (or before it runs), but for Post and Stop, which are thread-safe.
class EventLoop {
 public:
  using Task = std::move_only_function<void()>;
  // Names a timer; the default value names none.
  struct TimerId {
    Millis due = 0;
    std::uint64_t number = 0;
    explicit operator bool() const { return number != 0; }
  };
  using HookId = std::uint64_t;

  // Throws std::system_error if the kernel gives no epoll or eventfd. `clock` outlives the loop.
  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Turns until Stop. The calling thread is the loop's thread from then on.
  void Run();
  // One turn that waits at most `wait` for something to happen; for tests and for loops within loops of others.
  void Turn(std::chrono::milliseconds wait);
  // Makes Run return after the current turn, or at once if it is yet to be called. Thread-safe.
  void Stop();

  // Runs `task` in a later part of this turn or in the next one, in the order of the calls. Many posts of other
  // threads wake the loop once. Thread-safe. What is still waiting when the loop is destroyed is dropped.
  void Post(Task task);
  // Between these two calls what the calling thread posts waits, and then comes in one piece, so that its writes go
  // out together. By one thread only, and not the loop's own.
  void HoldPosts();
  void ReleasePosts();

  TimerId RunAfter(std::chrono::milliseconds delay, Task task);
  // The first time after `interval`; late turns are not made up for.
  TimerId RunEvery(std::chrono::milliseconds interval, Task task);
  // Also from within the timer's own task. A timer that has run is ignored. Clears `timer`.
  void Cancel(TimerId& timer);

  // Called in each turn, in the order of the calls: once those who are ready have been told, and at the turn's end.
  HookId AfterDispatch(Task hook);
  HookId AtTurnEnd(Task hook);
  void RemoveHook(HookId hook);
  // The next turn does not wait: there is more to do.
  void Again() { again_ = true; }

  // Milliseconds of clock.Steady() at the turn's begin. Never goes back.
  Millis Now() const { return now_; }
  const Clock& clock() const { return clock_; }
  bool InLoopThread() const { return thread_ == std::this_thread::get_id(); }

  // Level-triggered. Throws std::system_error if the kernel refuses. `source` stays valid until Unwatch.
  void Watch(int fd, std::uint32_t events, EventSource& source);
  void Rewatch(int fd, std::uint32_t events, EventSource& source);
  // To be called before the descriptor is closed; `source` is not called any more, not even in this turn.
  void Unwatch(int fd, const EventSource& source);

 private:
  struct Timer {
    Task task;
    Millis interval = 0;
  };
  using TimerKey = std::pair<Millis, std::uint64_t>;

  TimerId AddTimer(Millis due, Millis interval, Task task);
  int WaitTime(Millis most);
  void Dispatch(int ready);
  void RunPosted();
  void RunTimers();
  using Hooks = std::list<std::pair<HookId, Task>>;
  static void RunHooks(Hooks& hooks);
  void Wake();

  const Clock& clock_;
  int epoll_ = -1;
  int wake_ = -1;
  Millis now_;
  bool again_ = false;
  std::atomic<bool> stop_{false};
  std::atomic<std::thread::id> thread_;
  std::vector<epoll_event> ready_;
  std::size_t dispatched_ = 0;
  std::size_t ready_count_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t running_timer_ = 0;
  std::map<TimerKey, Timer> timers_;
  Hooks dispatch_hooks_;
  Hooks hooks_;
  Guarded<std::vector<Task>> posted_;
  std::atomic<std::thread::id> holder_;
  std::vector<Task> held_;  // by the holder
};

}  // namespace tidings::net
