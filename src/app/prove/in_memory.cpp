#include "in_memory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <random>
#include <vector>

#include <tidings/messaging/memory_transport.hpp>

#include "parts.hpp"

namespace tidings::app {
namespace {

using messaging::MemoryBroker;
using messaging::MemoryTransport;
using messaging::Task;
using std::chrono::milliseconds;

constexpr const char* kRun = "prove";
constexpr std::uint64_t kTurnsBetweenKills = 100;  // turns of the loop
constexpr std::chrono::seconds kMostToTheEnd{30};

// A producer or a consumer with a transport of its own, which a kill takes away.
class Part {
 public:
  Part(boost::asio::io_context& context, messaging::Timers& timers, const std::shared_ptr<MemoryBroker>& broker,
       const std::string& folder, std::uint32_t part, bool producer, bool hasty)
      : life_(std::make_shared<Life>(context, timers, broker, folder, part)) {
    boost::asio::co_spawn(context, producer ? Producing(life_) : Consuming(life_, hasty), boost::asio::detached);
  }
  ~Part() {
    life_->killed = true;
    boost::asio::co_spawn(life_->transport.executor(), Closing(life_), boost::asio::detached);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

 private:
  class Life {
   public:
    Life(boost::asio::io_context& context, messaging::Timers& timers_, const std::shared_ptr<MemoryBroker>& broker,
         const std::string& folder, std::uint32_t part_)
        : timers(timers_),
          transport(context.get_executor(), broker),
          journal(folder, part_),
          effects(EffectsFile(folder, part_)),
          queue(ProveQueue(kRun, part_)) {}
    messaging::Timers& timers;
    MemoryTransport transport;
    Journal journal;
    Effects effects;
    std::string queue;
    bool killed = false;
  };

  static Task<void> Producing(std::shared_ptr<Life> life) {
    co_await Produce(life->transport, life->timers, life->queue, life->journal, [life] { return life->killed; });
  }
  static Task<void> Consuming(std::shared_ptr<Life> life, bool hasty) {
    co_await ConsumeInTurn(life->transport, life->timers, life->queue, life->effects, hasty,
                           [life] { return life->killed; });
  }
  static Task<void> Closing(std::shared_ptr<Life> life) { co_await life->transport.Close(); }

  std::shared_ptr<Life> life_;
};

// How much was accepted and has no effect.
std::uint64_t Missing(const std::string& folder) {
  std::uint64_t missing = 0;
  for (std::uint32_t part = 0; part < kParts; ++part) {
    const std::uint64_t accepted = Journal(folder, part).Accepted();
    missing += accepted - CountEffects(EffectsFile(folder, part), accepted).value_or(0);
  }
  return missing;
}

}  // namespace

void ProveInMemory(const ProveOptions& options, const std::string& folder,
                   const std::function<void(const std::string&)>& tell) {
  boost::asio::io_context context(1);
  messaging::SystemTimers timers(context.get_executor());
  auto broker = std::make_shared<MemoryBroker>(timers);
  MemoryTransport keeper(context.get_executor(), broker);
  boost::asio::co_spawn(
      context, [&]() -> Task<void> { co_await keeper.Declare(ProveTopology(kRun)); }, boost::asio::detached);
  context.run();
  const auto turn = [&] {
    context.restart();
    context.run_one_for(milliseconds(5));
  };

  std::vector<std::unique_ptr<Part>> parts(kPerPart * kParts);
  const auto start = [&](std::size_t part) {
    parts[part].reset();
    parts[part] = std::make_unique<Part>(context, timers, broker, folder, PartOf(part), Produces(part), options.hasty);
  };
  for (std::size_t part = 0; part < parts.size(); ++part) start(part);
  std::random_device random;
  for (std::uint32_t kill = 0; kill < options.kills; ++kill) {
    for (std::uint64_t turns = kTurnsBetweenKills + random() % kTurnsBetweenKills; turns > 0; --turns) turn();
    start(Victim(kill));
    tell("killed " + std::to_string(kill + 1) + " of " + std::to_string(options.kills));
  }
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (Produces(part)) parts[part].reset();
  }
  const auto until = std::chrono::steady_clock::now() + (options.hasty ? std::chrono::seconds(3) : kMostToTheEnd);
  std::uint64_t turns = 0;
  while (std::chrono::steady_clock::now() < until && (++turns % 200 != 0 || Missing(folder) > 0)) turn();
  parts.clear();
  for (int ending = 0; ending < 100; ++ending) turn();
}

}  // namespace tidings::app
