#include <tidings/messaging/signal.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace tidings::messaging {
namespace {

using Resumption = std::move_only_function<void()>;

class Waiter {
 public:
  Resumption resume;
  bool timed_out = false;
};

// What a context forgets as it ends. Thread-safe, as the context's services are.
class Waiting final : public boost::asio::execution_context::service {
 public:
  // One that waits, perhaps.
  class Member {
   public:
    Member() = default;
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    virtual ~Member() = default;
    // What it would resume, and is not to any more.
    virtual void GiveUp(std::vector<Resumption>& out) = 0;

   private:
    friend class Waiting;
    Member* before_ = nullptr;
    Member* after_ = nullptr;
  };

  static boost::asio::execution_context::id id;

  explicit Waiting(boost::asio::execution_context& context) : service(context) {}

  void Add(Member& member) {
    const std::lock_guard lock(mutex_);
    member.after_ = first_;
    if (first_ != nullptr) first_->before_ = &member;
    first_ = &member;
  }
  void Remove(Member& member) {
    const std::lock_guard lock(mutex_);
    (member.before_ != nullptr ? member.before_->after_ : first_) = member.after_;
    if (member.after_ != nullptr) member.after_->before_ = member.before_;
  }

 private:
  void shutdown() override {
    // Dropped after all of them are asked: a coroutine that ends here takes signals with it.
    std::vector<Resumption> dropped;
    const std::lock_guard lock(mutex_);
    for (Member* member = std::exchange(first_, nullptr); member != nullptr; member = member->after_) {
      member->GiveUp(dropped);
    }
  }

  std::mutex mutex_;
  Member* first_ = nullptr;
};

boost::asio::execution_context::id Waiting::id;

}  // namespace

// A coroutine that waits owns what it waits on, which owns the coroutine: so the context, as it ends, lets go of both.
class Signal::State final : public std::enable_shared_from_this<Signal::State>, public Waiting::Member {
 public:
  explicit State(Executor executor) : executor_(std::move(executor)) {}
  ~State() override {
    if (waiting_ != nullptr) waiting_->Remove(*this);
  }

  Task<void> Suspend(std::shared_ptr<Waiter> waiter) {
    const auto initiate = [this, &waiter](auto handler) {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      waiter->resume = std::move(handler);
      waiters_.push_back(waiter);
      if (waiting_ == nullptr) {
        auto& context = boost::asio::query(executor_, boost::asio::execution::context);
        waiting_ = &boost::asio::use_service<Waiting>(context);
        waiting_->Add(*this);
      }
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

  void GiveUp(std::vector<Resumption>& out) override {
    waiting_ = nullptr;
    for (const auto& waiter : waiters_) {
      if (waiter->resume) out.push_back(std::exchange(waiter->resume, nullptr));
    }
    waiters_.clear();
  }

 private:
  Executor executor_;
  Waiting* waiting_ = nullptr;  // where this is known, from the first wait on
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
