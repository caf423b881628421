#include <tidings/messaging/timeout.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>

#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {

namespace asio = boost::asio;

class Timeout::Rule final : public Middleware {
 public:
  explicit Rule(std::chrono::milliseconds after) : after_(after) {}

  Task<Verdict> Handle(Context& context, Next next) override {
    const Executor executor = co_await asio::this_coro::executor;
    const auto run = std::make_shared<Running>(executor);
    // Asio clears the slot once more after Drive has ended: its signal lives until then.
    asio::co_spawn(executor, Drive(next, context, run),
                   asio::bind_cancellation_slot(run->cancel.slot(), [run](const std::exception_ptr&) {}));
    const bool timed_out = !run->ended && !co_await run->end.WaitFor(context.timers(), after_) && !run->ended;
    if (timed_out) ++expired_;
    // Whether the time or the router ends it: the handler is cancelled, and waited for.
    co_await asio::this_coro::throw_if_cancelled(false);
    if (!run->ended) run->cancel.emit(asio::cancellation_type::terminal);
    while (!run->ended) co_await run->end.Wait();
    co_await asio::this_coro::throw_if_cancelled(true);
    if (run->thrown) std::rethrow_exception(run->thrown);
    if (timed_out && run->verdict.failure()) {
      co_return Verdict::Failed(
          Error(ErrorCode::kTimeout, "the handler took longer than " + std::to_string(after_.count()) + " ms"));
    }
    co_return std::move(run->verdict);
  }

  std::uint64_t expired() const { return expired_; }

 private:
  class Running {
   public:
    explicit Running(const Executor& executor) : end(executor) {}
    asio::cancellation_signal cancel;
    Signal end;
    bool ended = false;
    Verdict verdict = Verdict::Done();
    std::exception_ptr thrown;
  };

  static Task<void> Drive(Next next, Context& context, std::shared_ptr<Running> run) {
    try {
      run->verdict = co_await next(context);
    } catch (...) {
      run->thrown = std::current_exception();
    }
    run->ended = true;
    run->end.NotifyAll();
  }

  std::chrono::milliseconds after_;
  std::uint64_t expired_ = 0;
};

Timeout::Timeout(std::chrono::milliseconds after) : rule_(std::make_shared<Rule>(after)) {}
std::uint64_t Timeout::expired() const { return rule_->expired(); }
void Timeout::AddTo(HandlerSettings& settings) const { settings.middlewares.push_back(rule_); }

}  // namespace tidings::messaging
