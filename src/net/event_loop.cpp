#include <tidings/net/event_loop.hpp>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace tidings::net {

namespace {

constexpr std::size_t kReadyAtOnce = 512;
constexpr Millis kLongestWait = 60'000;
constexpr EventLoop::HookId kRemoved = 0;

[[noreturn]] void Throw(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock), now_(clock.Steady()), thread_(std::this_thread::get_id()), ready_(kReadyAtOnce) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) Throw("epoll_create1");
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    const int error = errno;
    close(epoll_);
    if (wake_ >= 0) close(wake_);
    errno = error;
    Throw("eventfd");
  }
}

EventLoop::~EventLoop() {
  // Tasks may own what uses the loop, so they go while it still stands.
  std::vector<Task> posted;
  posted.swap(*posted_.Lock());
  posted.clear();
  timers_.clear();
  dispatch_hooks_.clear();
  hooks_.clear();
  close(wake_);
  close(epoll_);
}

void EventLoop::Run() {
  thread_ = std::this_thread::get_id();
  while (!stop_.load(std::memory_order_acquire)) Turn(std::chrono::milliseconds(kLongestWait));
  stop_ = false;
}

void EventLoop::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

void EventLoop::Wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

void EventLoop::Turn(std::chrono::milliseconds wait) {
  const int ready = epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), WaitTime(wait.count()));
  if (ready < 0 && errno != EINTR) Throw("epoll_wait");
  now_ = std::max(now_, clock_.Steady());
  Dispatch(std::max(ready, 0));
  RunHooks(dispatch_hooks_);
  RunPosted();
  RunTimers();
  RunHooks(hooks_);
}

void EventLoop::RunHooks(Hooks& hooks) {
  // A hook may remove itself and others, and add some.
  for (auto& [id, hook] : hooks) {
    if (id != kRemoved) hook();
  }
  hooks.remove_if([](const auto& entry) { return entry.first == kRemoved; });
}

int EventLoop::WaitTime(Millis most) {
  if (std::exchange(again_, false) || stop_.load(std::memory_order_relaxed) || !posted_.Lock()->empty()) return 0;
  if (!timers_.empty()) most = std::min(most, timers_.begin()->first.first - clock_.Steady());
  return static_cast<int>(std::clamp<Millis>(most, 0, kLongestWait));
}

void EventLoop::Dispatch(int ready) {
  ready_count_ = static_cast<std::size_t>(ready);
  for (dispatched_ = 0; dispatched_ < ready_count_;) {
    const epoll_event event = ready_[dispatched_++];
    if (event.data.ptr != nullptr) {
      static_cast<EventSource*>(event.data.ptr)->OnReady(event.events);
    } else if (event.events != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = read(wake_, &count, sizeof count);
    }
  }
  ready_count_ = dispatched_ = 0;
}

void EventLoop::Post(Task task) {
  if (holder_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return held_.push_back(std::move(task));
  bool first = false;
  {
    auto posted = posted_.Lock();
    first = posted->empty();
    posted->push_back(std::move(task));
  }
  // The loop's own thread looks before it waits.
  if (first && !InLoopThread()) Wake();
}

void EventLoop::HoldPosts() { holder_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

void EventLoop::ReleasePosts() {
  holder_.store(std::thread::id(), std::memory_order_relaxed);
  if (held_.empty()) return;
  bool first = false;
  {
    auto posted = posted_.Lock();
    first = posted->empty();
    if (first) {
      posted->swap(held_);
    } else {
      std::ranges::move(held_, std::back_inserter(*posted));
    }
  }
  held_.clear();
  if (first) Wake();
}

void EventLoop::RunPosted() {
  std::vector<Task> tasks;
  tasks.swap(*posted_.Lock());
  for (Task& task : tasks) task();
}

EventLoop::TimerId EventLoop::AddTimer(Millis due, Millis interval, Task task) {
  const TimerId id{due, ++last_number_};
  timers_.emplace(TimerKey{id.due, id.number}, Timer{std::move(task), interval});
  return id;
}

EventLoop::TimerId EventLoop::RunAfter(std::chrono::milliseconds delay, Task task) {
  return AddTimer(std::max(now_, clock_.Steady()) + delay.count(), 0, std::move(task));
}

EventLoop::TimerId EventLoop::RunEvery(std::chrono::milliseconds interval, Task task) {
  const Millis each = std::max<Millis>(interval.count(), 1);
  return AddTimer(std::max(now_, clock_.Steady()) + each, each, std::move(task));
}

void EventLoop::Cancel(TimerId& timer) {
  const TimerId id = std::exchange(timer, TimerId{});
  if (!id) return;
  // A repeating timer moves to later due times under its number.
  auto found = timers_.find({id.due, id.number});
  if (found == timers_.end()) {
    found = std::ranges::find(timers_, id.number, [](const auto& entry) { return entry.first.second; });
  }
  if (found != timers_.end()) timers_.erase(found);
  if (running_timer_ == id.number) running_timer_ = 0;
}

void EventLoop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= now_) {
    auto node = timers_.extract(timers_.begin());
    running_timer_ = node.key().second;
    node.mapped().task();
    const bool kept = std::exchange(running_timer_, 0) != 0;
    if (kept && node.mapped().interval > 0) {
      node.key().first = now_ + node.mapped().interval;
      timers_.insert(std::move(node));
    }
  }
}

EventLoop::HookId EventLoop::AfterDispatch(Task hook) {
  dispatch_hooks_.emplace_back(++last_number_, std::move(hook));
  return last_number_;
}

EventLoop::HookId EventLoop::AtTurnEnd(Task hook) {
  hooks_.emplace_back(++last_number_, std::move(hook));
  return last_number_;
}

void EventLoop::RemoveHook(HookId hook) {
  for (Hooks* hooks : {&dispatch_hooks_, &hooks_}) {
    for (auto& entry : *hooks) {
      if (entry.first == hook) entry.first = kRemoved;
    }
  }
}

void EventLoop::Watch(int fd, std::uint32_t events, EventSource& source) {
  epoll_event event{.events = events, .data = {.ptr = &source}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Throw("epoll_ctl");
}

void EventLoop::Rewatch(int fd, std::uint32_t events, EventSource& source) {
  epoll_event event{.events = events, .data = {.ptr = &source}};
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0) Throw("epoll_ctl");
}

void EventLoop::Unwatch(int fd, const EventSource& source) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = dispatched_; i < ready_count_; ++i) {
    if (ready_[i].data.ptr == &source) ready_[i] = epoll_event{};
  }
}

}  // namespace tidings::net
