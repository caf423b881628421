#include <tidings/app/prove.hpp>

#include <filesystem>
#include <optional>

#include <tidings/app/queue_session.hpp>
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
constexpr milliseconds kWork{1};

// As a program of this library consumes: several at once, in order by key.
Task<Status> ConsumeForEver(Transport& transport, Timers& timers, std::string queue, Effects& effects) {
  messaging::Router router(transport, timers);
  router.Subscribe(std::move(queue), messaging::Concurrency(kHandlersAtOnce), messaging::Lease(ProveLease(transport)),
                   messaging::OrderByKey(), [&](messaging::Context& context) -> Task<Status> {
                     co_await timers.Sleep(kWork);
                     Handle(effects, context.message());
                     co_return Status();
                   });
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
  Effects effects(EffectsFile(part.folder, part.part));
  const std::string queue = ProveQueue(part.run, part.part);
  if (part.role == "hasty") {
    return on_transport(
        [&](Transport& transport, Timers& timers) { return ConsumeHastily(transport, timers, queue, effects); });
  }
  return on_transport(
      [&](Transport& transport, Timers& timers) { return ConsumeForEver(transport, timers, queue, effects); });
}

}  // namespace tidings::app
