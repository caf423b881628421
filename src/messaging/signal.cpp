#include <tidings/messaging/signal.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <utility>

namespace tidings::messaging {
namespace {

class Waiter {
 public:
  std::move_only_function<void()> resume;
  bool timed_out = false;
};

}  // namespace

class Signal::State : public std::enable_shared_from_this<Signal::State> {
 public:
  explicit State(Executor executor) : executor_(std::move(executor)) {}

  Task<void> Suspend(std::shared_ptr<Waiter> waiter) {
    const auto initiate = [this, &waiter](auto handler) {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      waiter->resume = std::move(handler);
      waiters_.push_back(waiter);
      if (slot.is_connected()) {
        slot.assign([weak = weak_from_this(), held = std::weak_ptr(waiter)](boost::asio::cancellation_type) {
          const auto state = weak.lock();
          const auto cancelled = held.lock();
          if (state && cancelled) state->Resume(cancelled);
        });
      }
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(initiate,
                                                                                       boost::asio::use_awaitable);
  }

  // Only the first call for a waiter does something.
  void Resume(const std::shared_ptr<Waiter>& waiter) {
    std::erase(waiters_, waiter);
    if (waiter->resume) boost::asio::post(executor_, std::exchange(waiter->resume, nullptr));
  }

  void ResumeAll() {
    while (!waiters_.empty()) ResumeOne();
  }
  void ResumeOne() {
    if (waiters_.empty()) return;
    const auto waiter = std::move(waiters_.front());
    waiters_.pop_front();
    if (waiter->resume) boost::asio::post(executor_, std::exchange(waiter->resume, nullptr));
  }
  bool empty() const { return waiters_.empty(); }

 private:
  Executor executor_;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

Signal::Signal(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Signal::~Signal() { state_->ResumeAll(); }

Task<void> Signal::Wait() {
  const auto state = state_;
  co_await state->Suspend(std::make_shared<Waiter>());
}

Task<bool> Signal::WaitFor(Timers& timers, std::chrono::milliseconds timeout) {
  const auto state = state_;
  auto waiter = std::make_shared<Waiter>();
  const Alarm alarm = timers.Set(timeout, [weak = std::weak_ptr(state), held = std::weak_ptr(waiter)] {
    const auto signal = weak.lock();
    const auto timed = held.lock();
    if (!signal || !timed || !timed->resume) return;
    timed->timed_out = true;
    signal->Resume(timed);
  });
  co_await state->Suspend(waiter);
  co_return !waiter->timed_out;
}

void Signal::NotifyAll() { state_->ResumeAll(); }
void Signal::NotifyOne() { state_->ResumeOne(); }
bool Signal::waited_for() const { return !state_->empty(); }

}  // namespace tidings::messaging
