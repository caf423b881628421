#include "redis_consumer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <optional>

#include <tidings/base/log.hpp>

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

// Should a wake-up be lost with its connection, a queue is looked at so often all the same.
constexpr std::chrono::milliseconds kLook{1'000};
constexpr std::chrono::milliseconds kRegister{5'000};
constexpr std::chrono::milliseconds kAfterFailure{50};
constexpr Millis kTellEvery = 30'000;

}  // namespace

// Lives on while it runs, a little longer than its consumer.
class RedisConsumer::Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(const Executor& executor, std::shared_ptr<Queue> queue, std::shared_ptr<Wake> wake,
       messaging::ConsumeOptions options, std::string owner)
      : executor_(executor),
        fetcher_(std::make_shared<Fetcher>(executor, std::move(queue), options.lease, std::move(owner))),
        wake_(std::move(wake)),
        prefetch_(options.prefetch),
        arrived_(executor) {}

  void Start() {
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->Run(); }, asio::detached);
  }

  // `self` keeps it while it waits.
  Task<Result<Delivery>> Next(std::shared_ptr<Pump> /*self*/) {
    for (;;) {
      if (stopped_)
        co_return Fail(ErrorCode::kUnavailable, "the consumer of " + fetcher_->queue().name() + " was stopped");
      if (failed_) co_return std::unexpected(*failed_);
      if (fetcher_->unsettled() < prefetch_ && fetcher_->buffered() > 0) {
        auto delivery = fetcher_->HandOutNow();
        if (!delivery) delivery = co_await fetcher_->HandOut();
        if (fetcher_->buffered() <= prefetch_ / 2) TellRoom();
        if (delivery) co_return std::move(*delivery);
        continue;
      }
      TellRoom();
      co_await arrived_.Wait();
    }
  }

  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    fetcher_->GiveBack();
    fetcher_->Unregister();
    arrived_.NotifyAll();
    wake_->Ring();
    TellRoom();
    fetcher_->settled().NotifyAll();
  }

 private:
  Timers& timers() { return fetcher_->queue().timers(); }

  Task<void> Run() {
    Millis registered = 0;
    Millis renewed = timers().Steady();
    while (!stopped_ && !failed_) {
      const Millis now = timers().Steady();
      if (now - renewed > fetcher_->lease().count() / 3 && fetcher_->buffered() > 0) {
        renewed = now;
        co_await fetcher_->Renew();
      }
      const std::size_t taken = fetcher_->buffered() + fetcher_->unsettled();
      const std::size_t room = taken < prefetch_ ? prefetch_ - taken : 0;
      const bool due = now - registered > kRegister.count() || registered == 0;
      // Few round trips for many: not for every single one that was settled, as long as the handler has some.
      if (!due && (room == 0 || (fetcher_->buffered() > 0 && room < (prefetch_ + 1U) / 2))) {
        co_await WaitForRoom();
        continue;
      }
      const auto came = co_await fetcher_->Take(room, due ? Fetcher::As::kRegisteredConsumer : Fetcher::As::kConsumer);
      if (stopped_) break;
      if (!came && IsFinal(came.error().code())) {
        failed_ = came.error();
      } else if (!came) {
        if (came.error().code() != ErrorCode::kUnavailable) Tell(came.error());
        co_await wake_->Wait(timers(), kAfterFailure);
        continue;
      } else if (due) {
        registered = timers().Steady();
      }
      arrived_.NotifyAll();
      if (came && room > 0 && *came < room) co_await WaitForMore();
    }
    if (stopped_) fetcher_->GiveBack();
  }

  // What waiting does not cure. All else may pass, however oddly Redis puts it.
  static bool IsFinal(ErrorCode code) {
    return code == ErrorCode::kNotFound || code == ErrorCode::kConflict || code == ErrorCode::kForbidden ||
           code == ErrorCode::kUnauthorized;
  }

  void Tell(const Error& error) {
    const Millis now = timers().Steady();
    if (told_ && now - *told_ < kTellEvery) return;
    told_ = now;
    log::Warning("a queue gives out nothing for now",
                 {{"queue", fetcher_->queue().name()}, {"error", error.message()}});
  }

  // As often as the leases of those that wait here must be renewed.
  Task<void> WaitForRoom() {
    waits_for_room_ = true;
    fetcher_->TellAt(fetcher_->buffered() > 0 ? prefetch_ / 2 : prefetch_ - 1);
    co_await fetcher_->settled().WaitFor(timers(), std::min(kLook, fetcher_->lease() / 3));
    waits_for_room_ = false;
  }

  Task<void> WaitForMore() {
    auto timeout = std::min(kLook, fetcher_->lease() / 3);
    if (const auto due = fetcher_->next_due()) timeout = std::min(timeout, *due + std::chrono::milliseconds(1));
    co_await wake_->Wait(timers(), timeout);
  }

  // The handler took some of what waited.
  void TellRoom() {
    if (waits_for_room_) fetcher_->settled().NotifyAll();
  }

  Executor executor_;
  std::shared_ptr<Fetcher> fetcher_;
  std::shared_ptr<Wake> wake_;
  const std::size_t prefetch_;
  Signal arrived_;
  std::optional<Error> failed_;
  std::optional<Millis> told_;
  bool stopped_ = false;
  bool waits_for_room_ = false;
};

RedisConsumer::RedisConsumer(const Executor& executor, std::shared_ptr<Queue> queue, std::shared_ptr<Wake> wake,
                             messaging::ConsumeOptions options, std::string owner)
    : pump_(std::make_shared<Pump>(executor, std::move(queue), std::move(wake), options, std::move(owner))) {
  pump_->Start();
}

RedisConsumer::~RedisConsumer() { pump_->Stop(); }

void RedisConsumer::StopPump(const std::weak_ptr<Pump>& pump) {
  if (const auto held = pump.lock()) held->Stop();
}

Task<Result<Delivery>> RedisConsumer::Next() { return pump_->Next(pump_); }

Task<void> RedisConsumer::Stop() {
  pump_->Stop();
  co_return;
}

}  // namespace tidings::redis
