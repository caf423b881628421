#include "consumer.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "effects.hpp"
#include "parts.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using messaging::Timers;
using std::chrono::milliseconds;

constexpr std::uint16_t kHandlersAtOnce = 8;
// So that several are under way when it is killed.
constexpr milliseconds kWork{16};
constexpr std::chrono::minutes kMostHeld{2};
constexpr milliseconds kAfterTrouble{100};

// Counts what came again and changed nothing.
class Repeats final : public messaging::Middleware {
 public:
  Repeats(messaging::Inbox& inbox, std::function<std::uint64_t()> all) : inbox_(inbox), all_(std::move(all)) {}

  Task<messaging::Verdict> Handle(messaging::Context& context, messaging::Next next) override {
    messaging::Verdict verdict = co_await next(context);
    const std::uint64_t more = all_() - std::exchange(counted_, all_());
    if (more == 0) co_return verdict;
    auto unit = co_await inbox_.Begin();
    if (!unit) co_return messaging::Verdict::Failed(unit.error());
    (*unit)->As<messaging::SqliteUnit>().OnCommit(WriteRepeats(more));
    if (Status committed = co_await (*unit)->Commit(); !committed) {
      co_return messaging::Verdict::Failed(committed.error());
    }
    co_return verdict;
  }

 private:
  messaging::Inbox& inbox_;
  std::function<std::uint64_t()> all_;
  std::uint64_t counted_ = 0;
};

Task<Status> Work(messaging::Context& context, std::string hold) {
  Timers& timers = context.timers();
  const Millis until = timers.Steady() + std::chrono::duration_cast<milliseconds>(kMostHeld).count();
  std::error_code unreadable;
  do {
    co_await timers.Sleep(kWork);
  } while (std::filesystem::exists(hold, unreadable) && timers.Steady() < until);
  context.unit()->As<messaging::SqliteUnit>().OnCommit(WriteEffect(context.message()));
  co_return Status();
}

}  // namespace

RouterConsumer::RouterConsumer(messaging::Transport& transport, Timers& timers, messaging::SqliteInbox& inbox,
                               RouterConsumerOptions options)
    : timers_(timers), once_(inbox), by_number_(inbox), router_(transport, timers) {
  const auto subscribe = [&](const auto& once, auto&&... more) {
    router_.Subscribe(options.queue, messaging::Concurrency(kHandlersAtOnce), messaging::Lease(ProveLease(transport)),
                      messaging::Use(std::make_shared<Repeats>(inbox, [&once] { return once.repeats(); })), once,
                      std::forward<decltype(more)>(more)...,
                      [hold = options.hold](messaging::Context& context) { return Work(context, hold); });
  };
  if (options.by_arrival) {
    subscribe(once_, messaging::OrderByKey());
  } else {
    subscribe(by_number_);
  }
}

Task<void> RouterConsumer::Start(std::function<bool()> stopped) {
  while (!stopped()) {
    Status started = co_await router_.Start();
    if (started) break;
    co_await timers_.Sleep(kAfterTrouble);
  }
}

Task<void> RouterConsumer::Stop(milliseconds deadline) { co_await router_.Stop(deadline); }

}  // namespace tidings::app
