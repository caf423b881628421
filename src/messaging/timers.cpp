#include <tidings/messaging/timers.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {
namespace {

// The timer's handler holds what is to be called; the alarm holds the timer.
class SystemSetting final : public Alarm::Setting {
 public:
  SystemSetting(const Executor& executor, std::chrono::milliseconds after, std::move_only_function<void()> ring)
      : timer_(executor), ring_(std::make_shared<std::move_only_function<void()>>(std::move(ring))) {
    timer_.expires_after(after);
    timer_.async_wait([weak = std::weak_ptr(ring_)](const boost::system::error_code& error) {
      const auto held = weak.lock();
      if (!error && held) (*held)();
    });
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<std::move_only_function<void()>> ring_;
};

}  // namespace

Task<void> Timers::Sleep(std::chrono::milliseconds duration) {
  Signal never(co_await boost::asio::this_coro::executor);
  co_await never.WaitFor(*this, duration);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) {
    throw boost::system::system_error(boost::asio::error::operation_aborted, "a sleep was cancelled");
  }
}

Alarm SystemTimers::Set(std::chrono::milliseconds after, std::move_only_function<void()> ring) {
  return Alarm(std::make_unique<SystemSetting>(executor_, after, std::move(ring)));
}

class VirtualTimers::Entry final : public Alarm::Setting {
 public:
  Entry(std::weak_ptr<Pending> pending, std::pair<Millis, std::uint64_t> key)
      : pending_(std::move(pending)), key_(key) {}
  ~Entry() override {
    if (const auto pending = pending_.lock()) pending->erase(key_);
  }

 private:
  std::weak_ptr<Pending> pending_;
  std::pair<Millis, std::uint64_t> key_;
};

VirtualTimers::VirtualTimers() : pending_(std::make_shared<Pending>()) {}

Alarm VirtualTimers::Set(std::chrono::milliseconds after, std::move_only_function<void()> ring) {
  const std::pair key(clock_.Steady() + after.count(), ++count_);
  pending_->emplace(key, std::move(ring));
  return Alarm(std::make_unique<Entry>(pending_, key));
}

void VirtualTimers::Advance(std::chrono::milliseconds by) {
  const Millis until = clock_.Steady() + by.count();
  while (!pending_->empty() && pending_->begin()->first.first <= until) {
    auto first = pending_->extract(pending_->begin());
    const Millis due = first.key().first;
    if (due > clock_.Steady()) clock_.Advance(std::chrono::milliseconds(due - clock_.Steady()));
    first.mapped()();
  }
  clock_.Advance(std::chrono::milliseconds(until - clock_.Steady()));
}

std::optional<std::chrono::milliseconds> VirtualTimers::Next() const {
  if (pending_->empty()) return std::nullopt;
  return std::chrono::milliseconds(std::max<Millis>(pending_->begin()->first.first - clock_.Steady(), 0));
}

}  // namespace tidings::messaging
