#include <tidings/app/prove.hpp>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <filesystem>
#include <utility>

#include <tidings/app/queue_session.hpp>

#include "consumer.hpp"
#include "parts.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using messaging::Timers;
using messaging::Transport;
using std::chrono::milliseconds;

// Until it is stopped in good order.
Task<Status> ConsumeForEver(Transport& transport, Timers& timers, const ProvePart& part) {
  auto inbox = OpenEffects(transport.executor(), EffectsFile(part.folder, part.part));
  if (!inbox) co_return std::unexpected(inbox.error());
  RouterConsumerOptions options;
  options.queue = ProveQueue(part.run, part.part);
  options.by_arrival = part.role == "by-arrival";
  options.hold = HoldFile(part.folder);
  RouterConsumer consumer(transport, timers, **inbox, std::move(options));
  boost::asio::signal_set stop(transport.executor(), SIGTERM);
  co_await consumer.Start([] { return false; });
  co_await stop.async_wait(boost::asio::use_awaitable);
  co_await consumer.Stop(kMostStopping);
  co_return Status();
}

Task<Status> ProduceToTheStop(Transport& transport, Timers& timers, const ProvePart& part) {
  Journal journal(part.folder, part.part);
  const std::string stop = part.folder + "/stop";
  co_await Produce(transport, timers, ProveQueue(part.run, part.part), journal,
                   [&] { return std::filesystem::exists(stop); });
  co_return Status();
}

Task<Status> ConsumeHastilyForEver(Transport& transport, Timers& timers, std::string queue, Effects& effects) {
  for (;;) {
    co_await ConsumeHastily(transport, timers, queue, effects, [] { return false; });
    co_await timers.Sleep(milliseconds(100));
  }
}

}  // namespace

Status RunProvePart(const ProvePart& part) {
  if (part.part >= kParts) return Fail(ErrorCode::kInvalid, "there is no such part");
  const auto on_transport = [&](const QueueWork& work) { return OnTransport(part.address, work, true, "queue prove"); };
  if (part.role == "producer") {
    return on_transport(
        [&](Transport& transport, Timers& timers) { return ProduceToTheStop(transport, timers, part); });
  }
  if (part.role == "hasty") {
    Effects effects(EffectsFile(part.folder, part.part));
    return on_transport([&](Transport& transport, Timers& timers) {
      return ConsumeHastilyForEver(transport, timers, ProveQueue(part.run, part.part), effects);
    });
  }
  return on_transport([&](Transport& transport, Timers& timers) { return ConsumeForEver(transport, timers, part); });
}

}  // namespace tidings::app
