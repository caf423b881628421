#include <tidings/app/prove.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include <tidings/app/queue_session.hpp>
#include <tidings/messaging/order_by_number.hpp>
#include <tidings/messaging/router.hpp>

#include "parts.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using messaging::Timers;
using messaging::Transport;
using std::chrono::milliseconds;

constexpr std::uint16_t kHandlersAtOnce = 8;
// So that several are under way when it is killed.
constexpr milliseconds kWork{16};

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

Task<Status> Work(messaging::Context& context) {
  co_await context.timers().Sleep(kWork);
  context.unit()->As<messaging::SqliteUnit>().OnCommit(WriteEffect(context.message()));
  co_return Status();
}

// As a program of this library consumes: several at once, in order by key.
Task<Status> ConsumeForEver(Transport& transport, Timers& timers, std::string queue, std::string file,
                            bool by_arrival) {
  auto inbox = OpenEffects(transport.executor(), file);
  if (!inbox) co_return std::unexpected(inbox.error());
  messaging::Router router(transport, timers);
  const auto subscribe = [&](const auto& once, auto&&... more) {
    router.Subscribe(std::move(queue), messaging::Concurrency(kHandlersAtOnce), messaging::Lease(ProveLease(transport)),
                     messaging::Use(std::make_shared<Repeats>(**inbox, [&once] { return once.repeats(); })), once,
                     std::forward<decltype(more)>(more)..., Work);
  };
  const messaging::OrderByNumber by_number(**inbox);
  const messaging::Idempotent once(**inbox);
  if (by_arrival) {
    subscribe(once, messaging::OrderByKey());
  } else {
    subscribe(by_number);
  }
  for (;;) {
    Status started = co_await router.Start();
    if (started) break;
    co_await timers.Sleep(milliseconds(100));
  }
  for (;;) co_await timers.Sleep(std::chrono::hours(1));
}

Task<Status> ProduceToTheStop(Transport& transport, Timers& timers, const ProvePart& part) {
  Journal journal(part.folder, part.part);
  const std::string stop = part.folder + "/stop";
  co_await Produce(transport, timers, ProveQueue(part.run, part.part), journal,
                   [&] { return std::filesystem::exists(stop); });
  co_return Status();
}

Task<Status> ConsumeHastily(Transport& transport, Timers& timers, std::string queue, Effects& effects) {
  for (;;) {
    co_await ConsumeInTurn(transport, timers, queue, effects, true, [] { return false; });
    co_await timers.Sleep(milliseconds(100));
  }
}

}  // namespace

Status RunProvePart(const ProvePart& part) {
  if (part.part >= kParts) return Fail(ErrorCode::kInvalid, "there is no such part");
  const auto on_transport = [&](const QueueWork& work) { return OnTransport(part.address, work, true); };
  if (part.role == "producer") {
    return on_transport(
        [&](Transport& transport, Timers& timers) { return ProduceToTheStop(transport, timers, part); });
  }
  const std::string file = EffectsFile(part.folder, part.part);
  const std::string queue = ProveQueue(part.run, part.part);
  if (part.role == "hasty") {
    Effects effects(file);
    return on_transport(
        [&](Transport& transport, Timers& timers) { return ConsumeHastily(transport, timers, queue, effects); });
  }
  return on_transport([&](Transport& transport, Timers& timers) {
    return ConsumeForEver(transport, timers, queue, file, part.role == "by-arrival");
  });
}

}  // namespace tidings::app
