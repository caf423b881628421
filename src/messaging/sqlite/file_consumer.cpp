#include "file_consumer.hpp"

#include <boost/asio/this_coro.hpp>

namespace tidings::messaging::embedded {
namespace {

// What is popped has no consumer with a lease of its own.
constexpr std::chrono::milliseconds kPopLease{30'000};

std::unexpected<Error> Stopped(std::string_view queue) {
  return Fail(ErrorCode::kUnavailable,
              "the consumer of " + std::string(queue) + " was stopped, its queue deleted, or the transport closed");
}

}  // namespace

Task<Result<Delivery>> FileConsumer::Next() {
  const auto core = core_;
  const auto basket = basket_;
  const Executor working = core->Working();
  while (basket->messages.empty()) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (basket->ended || state.cancelled() != boost::asio::cancellation_type::none) co_return Stopped(basket->queue);
    core->Ask(*basket);
    co_await basket->arrived.Wait();
    basket->asks = false;
  }
  co_return core->HandOut(*basket);
}

Task<void> FileConsumer::Stop() {
  const auto core = core_;
  co_await core->Shut(id_);
}

Task<Result<std::optional<Delivery>>> PopOne(std::shared_ptr<Core> core, std::string queue,
                                             std::chrono::milliseconds timeout) {
  const Executor working = core->Working();
  const ConsumerId id = core->NewConsumer();
  const Millis until = core->timers().Steady() + timeout.count();
  auto opened = co_await core->Open(id, queue, 1, kPopLease, false);
  if (!opened) co_return std::unexpected(opened.error());
  Basket& basket = **opened;
  while (basket.messages.empty() && !basket.ended) {
    const Millis left = until - core->timers().Steady();
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (left <= 0 || state.cancelled() != boost::asio::cancellation_type::none) break;
    co_await basket.arrived.WaitFor(core->timers(), std::chrono::milliseconds(left));
  }
  std::optional<Delivery> delivery;
  if (!basket.messages.empty()) delivery = core->HandOut(basket);
  if (!delivery && basket.ended) co_return Stopped(queue);
  core->ShutSoon(id);
  co_return delivery;
}

}  // namespace tidings::messaging::embedded
