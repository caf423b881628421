#include <tidings/app/prove.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <tidings/app/queue_session.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>
#include <tidings/base/temp_folder.hpp>

#include "children.hpp"
#include "effects.hpp"
#include "in_memory.hpp"
#include "parts.hpp"
#include "proof_broker.hpp"

namespace tidings::app {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kBetweenKills = 50;            // messages of each queue
constexpr std::chrono::seconds kMostBetweenKills{60};  // where they come slowly
constexpr std::uint64_t kWaitingAtKill = 100;          // in each queue, several times what a consumer fetches ahead
constexpr std::chrono::seconds kQuiet{30};             // nothing more comes
constexpr std::chrono::seconds kQuietAfterHaste{5};    // where something has to be missing
constexpr milliseconds kPoll{20};
constexpr std::uint32_t kBrokerEvery = 5;              // kills

std::uint64_t AcceptedOf(const std::string& folder, std::uint32_t part) { return Journal(folder, part).Accepted(); }

// Waits until so much more of each queue was handled, so that whoever was killed has a successor at work; at most for the time.
void AwaitProgress(const std::string& folder, std::uint64_t more) {
  const auto until = Clock::now() + kMostBetweenKills;
  const auto await = [&](std::uint32_t part, std::uint64_t goal) {
    for (;;) {
      const auto handled = CountEffects(EffectsFile(folder, part), kMostMessages);
      if ((handled && *handled >= goal) || Clock::now() >= until) return handled.value_or(goal);
      std::this_thread::sleep_for(kPoll);
    }
  };
  std::vector<std::uint64_t> goals;
  goals.reserve(kParts);
  for (std::uint32_t part = 0; part < kParts; ++part) goals.push_back(await(part, 0) + more);
  for (std::uint32_t part = 0; part < kParts; ++part) await(part, goals[part]);
}

// Holds routers until so many wait in each queue.
void AwaitBacklog(const std::string& folder, std::uint64_t waiting) {
  const auto until = Clock::now() + kMostBetweenKills;
  std::ofstream(HoldFile(folder)) << "hold\n";
  for (std::uint32_t part = 0; part < kParts; ++part) {
    for (std::optional<std::uint64_t> handled; Clock::now() < until; std::this_thread::sleep_for(kPoll)) {
      handled = CountEffects(EffectsFile(folder, part), kMostMessages);
      if (handled && AcceptedOf(folder, part) >= *handled + waiting) break;
    }
  }
  std::filesystem::remove(HoldFile(folder));
}

// Waits until all that was accepted had its effect, or nothing more comes.
void AwaitEnd(const std::string& folder, Children& children, std::chrono::seconds quiet) {
  std::uint64_t before = 0;
  auto last = Clock::now();
  while (Clock::now() - last < quiet) {
    std::uint64_t missing = 0;
    std::uint64_t handled = 0;
    for (std::uint32_t part = 0; part < kParts; ++part) {
      const std::uint64_t accepted = AcceptedOf(folder, part);
      const std::uint64_t done = CountEffects(EffectsFile(folder, part), accepted).value_or(0);
      missing += accepted - std::min(accepted, done);
      handled += done;
    }
    if (missing == 0 && children.ProducersEnded()) return;
    if (handled != before) last = Clock::now();
    before = handled;
    children.Revive();
    std::this_thread::sleep_for(kPoll);
  }
}

ProveReport JudgeAll(const std::string& folder) {
  ProveReport report;
  for (std::uint32_t part = 0; part < kParts; ++part) {
    Judge(EffectsFile(folder, part), AcceptedOf(folder, part), report);
  }
  return report;
}

// From a broker that goes on; after a failure they stay, to be looked at.
void RemoveQueues(const std::string& address, const std::string& run) {
  const Status removed =
      OnTransport(address, [&](messaging::Transport& transport, messaging::Timers&) -> messaging::Task<Status> {
        for (const auto& queue : ProveTopology(run).queues()) {
          std::string name = queue.name;
          if (Status gone = co_await transport.DeleteQueue(std::move(name)); !gone) co_return gone;
        }
        co_return Status();
      });
  if (!removed) log::Warning("the queues of a proof stay", {{"run", run}, {"error", removed.error().message()}});
}

Result<ProveReport> ProveWithProcesses(const ProveOptions& options, const std::string& folder,
                                       const std::function<void(const std::string&)>& tell) {
  auto broker = ProofBroker::Start(options.transport, folder);
  if (!broker) return std::unexpected(broker.error());
  const std::string run = "prove-" + RandomToken(8);
  const Status declared = OnTransport(
      broker->address(),
      [&](messaging::Transport& transport, messaging::Timers&) -> messaging::Task<Status> {
        co_return co_await transport.Declare(ProveTopology(run));
      },
      true);
  if (!declared) return std::unexpected(declared.error());

  std::uint32_t broker_kills = 0;
  {
    const char* const consumer = options.hasty ? "hasty" : options.by_arrival ? "by-arrival" : "consumer";
    Children children(consumer, folder, broker->address(), run);
    std::random_device random;
    std::uint32_t turn = 0;
    for (std::uint32_t kill = 0; kill < options.kills; ++kill) {
      AwaitProgress(folder, kBetweenKills);
      if (!options.hasty) {
        AwaitBacklog(folder, kWaitingAtKill);
        children.StopOne(kill);
        children.Revive();
        AwaitProgress(folder, 1);
        AwaitBacklog(folder, kWaitingAtKill);
      }
      // At any moment of what they do.
      std::this_thread::sleep_for(milliseconds(random() % 20));
      if (broker->killable() && kill % kBrokerEvery == kBrokerEvery - 1) {
        broker->Kill();
        ++broker_kills;
      } else {
        children.KillOne(turn++);
      }
      children.Revive();
      tell("killed " + std::to_string(kill + 1) + " of " + std::to_string(options.kills));
    }
    AwaitProgress(folder, kBetweenKills);
    std::ofstream(folder + "/stop") << "stop\n";
    AwaitEnd(folder, children, options.hasty ? kQuietAfterHaste : kQuiet);
  }
  ProveReport report = JudgeAll(folder);
  report.kills = options.kills;
  report.broker_kills = broker_kills;
  report.stops = options.hasty ? 0 : options.kills;
  if (!broker->killable() && report.right()) RemoveQueues(broker->address(), run);
  return report;
}

// What is there already could be taken for what this proof's processes did.
Status MakeEmptyFolder(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (std::filesystem::exists(EffectsFile(folder, 0))) {
    return Fail(ErrorCode::kConflict, folder + " holds an earlier proof; name an empty folder");
  }
  const bool empty = std::filesystem::is_directory(folder, failure) && std::filesystem::is_empty(folder, failure);
  if (failure) return Fail(ErrorCode::kInvalid, folder + " cannot be used: " + failure.message());
  if (!empty) return Fail(ErrorCode::kConflict, folder + " is no empty folder; name one, or none");
  return {};
}

}  // namespace

Result<ProveReport> Prove(const ProveOptions& options, const std::function<void(const std::string&)>& tell) {
  std::unique_ptr<TempFolder> own;
  std::string folder = options.folder;
  if (folder.empty()) {
    own = std::make_unique<TempFolder>();
    folder = own->path();
  }
  if (Status ready = MakeEmptyFolder(folder); !ready) return std::unexpected(ready.error());
  try {
    if (options.transport == "memory") {
      ProveInMemory(options, folder, tell);
      ProveReport report = JudgeAll(folder);
      report.kills = options.kills;
      return report;
    }
    return ProveWithProcesses(options, folder, tell);
  } catch (const std::runtime_error& error) {
    return Fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace tidings::app
