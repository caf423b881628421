#include "in_memory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include <tidings/messaging/loss_report.hpp>
#include <tidings/messaging/memory_transport.hpp>

#include "consumer.hpp"
#include "parts.hpp"

namespace tidings::app {
namespace {

using messaging::MemoryBroker;
using messaging::MemoryTransport;
using messaging::SqliteInbox;
using messaging::Task;
using std::chrono::milliseconds;

constexpr const char* kRun = "prove";
constexpr std::uint64_t kTurnsBetweenKills = 100;  // turns of the loop
constexpr std::chrono::seconds kMostToTheEnd{30};

// What all of them work on. A queue's inbox is null where consumers are hasty.
class Surroundings {
 public:
  boost::asio::io_context context{1};
  messaging::SystemTimers timers{context.get_executor()};
  messaging::LossLedger ledger;
  std::shared_ptr<MemoryBroker> broker = std::make_shared<MemoryBroker>(timers, &ledger);
  std::string folder;
  std::vector<std::unique_ptr<SqliteInbox>> inboxes{kParts};
  std::size_t lives = 0;  // also such as were killed and are not quite over
};

// A producer or a consumer with a transport of its own, which a kill takes away.
class Part {
 public:
  Part(Surroundings& around, std::uint32_t part, bool producer) : life_(std::make_shared<Life>(around, part)) {
    boost::asio::co_spawn(around.context, producer ? Producing(life_) : Consuming(life_), boost::asio::detached);
  }
  ~Part() {
    life_->killed = true;
    boost::asio::co_spawn(life_->around.context, Closing(life_), boost::asio::detached);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

 private:
  class Life {
   public:
    Life(Surroundings& around_, std::uint32_t part_)
        : around(around_), transport(around.context.get_executor(), around.broker), part(part_) {
      ++around.lives;
    }
    ~Life() { --around.lives; }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    Surroundings& around;
    MemoryTransport transport;
    std::uint32_t part;
    std::optional<RouterConsumer> consumer;
    bool killed = false;
  };

  static Task<void> Producing(std::shared_ptr<Life> life) {
    Journal journal(life->around.folder, life->part);
    co_await Produce(life->transport, life->around.timers, ProveQueue(kRun, life->part), journal,
                     [life] { return life->killed; });
  }
  static Task<void> Consuming(std::shared_ptr<Life> life) {
    Surroundings& around = life->around;
    SqliteInbox* const inbox = around.inboxes[life->part].get();
    if (inbox == nullptr) {
      Effects effects(EffectsFile(around.folder, life->part));
      co_await ConsumeHastily(life->transport, around.timers, ProveQueue(kRun, life->part), effects,
                              [life] { return life->killed; });
      co_return;
    }
    RouterConsumerOptions options;
    options.queue = ProveQueue(kRun, life->part);
    life->consumer.emplace(life->transport, around.timers, *inbox, std::move(options));
    co_await life->consumer->Start([life] { return life->killed; });
    if (life->killed) co_await life->consumer->Stop(milliseconds(0));
  }
  // Whatever is under way finds its transport gone. Handlers go on for a moment: whoever gets their messages next has to bear it.
  static Task<void> Closing(std::shared_ptr<Life> life) {
    co_await life->transport.Close();
    if (life->consumer) co_await life->consumer->Stop(milliseconds(0));
  }

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
  Surroundings around;
  around.folder = folder;
  boost::asio::io_context& context = around.context;
  MemoryTransport keeper(context.get_executor(), around.broker);
  Status declared;
  boost::asio::co_spawn(
      context, [&]() -> Task<void> { declared = co_await keeper.Declare(ProveTopology(kRun)); }, boost::asio::detached);
  context.run();
  if (!declared) throw std::runtime_error(declared.error().message());
  for (std::uint32_t part = 0; part < kParts && !options.hasty; ++part) {
    auto inbox = OpenEffects(context.get_executor(), EffectsFile(folder, part));
    if (!inbox) throw std::runtime_error(inbox.error().message());
    around.inboxes[part] = std::move(*inbox);
  }
  const auto turn = [&] {
    context.restart();
    context.run_one_for(milliseconds(5));
  };

  std::vector<std::unique_ptr<Part>> parts(kPerPart * kParts);
  const auto start = [&](std::size_t part) {
    parts[part].reset();
    parts[part] = std::make_unique<Part>(around, PartOf(part), Produces(part));
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
  auto until = std::chrono::steady_clock::now() + (options.hasty ? std::chrono::seconds(3) : kMostToTheEnd);
  std::uint64_t turns = 0;
  while (std::chrono::steady_clock::now() < until && (++turns % 200 != 0 || Missing(folder) > 0)) turn();
  parts.clear();
  until = std::chrono::steady_clock::now() + kMostToTheEnd;
  while (around.lives > 0 && std::chrono::steady_clock::now() < until) turn();
  messaging::LogLosses(around.ledger, "queue prove");
}

}  // namespace tidings::app
