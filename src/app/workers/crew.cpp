#include "crew.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <tidings/base/log.hpp>
#include <tidings/messaging/failure_log.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using namespace std::chrono_literals;

constexpr std::string_view kExchange = "tidings.events";
constexpr auto kLeaveWithin = 10s;
constexpr std::chrono::milliseconds kMostLanePause = 5s;
constexpr std::uint16_t kSplitAtOnce = 128;
constexpr std::uint16_t kSplitAhead = 512;
// A crash gives back all that an instance held, counted; none of it is at fault. This only ends what kills every instance.
constexpr std::uint32_t kDeliveryLimit = 1'000;

messaging::QueueOptions WorkQueue() {
  messaging::QueueOptions options;
  options.delivery_limit = kDeliveryLimit;
  // Locks tell who is next before the broker knows that the one before is gone.
  options.single_active = true;
  return options;
}

}  // namespace

std::string Crew::QueueOf(std::string_view kind) { return "tidings.worker." + std::string(kind); }

std::string Crew::LaneQueueOf(std::string_view kind, std::size_t lane) {
  return QueueOf(kind) + "." + std::to_string(lane);
}

Crew::Crew(std::unique_ptr<WorkerKind> kind, CrewOptions options, messaging::Transport& transport,
           messaging::Timers& timers)
    : kind_(std::move(kind)),
      options_(std::move(options)),
      transport_(transport),
      timers_(timers),
      folder_(WorkerFolder(options_.data, kind_->name())),
      changed_(transport.executor()) {}

Crew::~Crew() = default;

// The number of lanes is what it was at the first start: events of a room that wait in one lane may not be passed by others.
Status Crew::OpenFolder() {
  if (claims_) return {};
  if (Status made = MakeFolder(folder_); !made) return made;
  auto claims = Claims::Open(folder_ / "claims");
  if (!claims) return std::unexpected(claims.error());
  const std::filesystem::path file = folder_ / kLanesFile;
  const auto read = ReadFile(file);
  if (!read) return std::unexpected(read.error());
  const auto& before = *read;
  const std::string now = std::to_string(options_.lanes) + "\n";
  if (before && *before != now) {
    return Fail(ErrorCode::kInvalid, "this worker has " + before->substr(0, before->find('\n')) +
                                         " lanes since its first start in " + folder_.string() + ", not " +
                                         std::to_string(options_.lanes) + "; leave workers.lanes as it was");
  }
  if (!before) {
    if (Status written = ReplaceFile(file, now); !written) return written;
  }
  claims_.emplace(std::move(*claims));
  return {};
}

messaging::Topology Crew::TopologyOfAll() const {
  messaging::Topology topology;
  topology.AddExchange(std::string(kExchange), messaging::ExchangeKind::kTopic);
  const std::string queue = QueueOf(kind_->name());
  topology.AddQueue(queue, WorkQueue());
  if (transport_.capabilities().shared) {
    for (std::size_t lane = 0; lane < options_.lanes; ++lane) {
      topology.AddQueue(LaneQueueOf(kind_->name(), lane), WorkQueue());
    }
  }
  for (const std::string& pattern : kind_->patterns()) topology.Bind(std::string(kExchange), queue, pattern);
  return topology;
}

Task<Status> Crew::Start() {
  stopping_ = false;
  if (Status opened = OpenFolder(); !opened) co_return opened;
  messaging::Topology topology = TopologyOfAll();
  if (Status declared = co_await transport_.Declare(std::move(topology)); !declared) co_return declared;
  if (!transport_.capabilities().shared) co_return co_await StartWhole();
  balancing_ = true;
  boost::asio::co_spawn(transport_.executor(), Balance(), boost::asio::detached);
  co_return Status();
}

LaneOptions Crew::OptionsOf(std::size_t lane, bool queue) const {
  LaneOptions options;
  options.file = folder_ / ("lane-" + std::to_string(lane) + ".db");
  options.consumer = QueueOf(kind_->name());
  options.bounds = options_.bounds;
  if (queue) options.queue = LaneQueueOf(kind_->name(), lane);
  return options;
}

// The worker's own queue, in order by room.
std::unique_ptr<messaging::Router> Crew::MakeRouter(Task<Status> (Crew::*handle)(messaging::Context&)) {
  auto router = std::make_unique<messaging::Router>(transport_, timers_);
  router->Use(std::make_shared<messaging::FailureLog>(timers_.clock()));
  router->Subscribe(QueueOf(kind_->name()), messaging::Concurrency(kSplitAtOnce), messaging::Prefetch(kSplitAhead),
                    messaging::OrderByKey(KeyOf), messaging::FinishInHand(), Patience(),
                    [this, handle](messaging::Context& context) { return (this->*handle)(context); });
  return router;
}

bool Crew::DueAgain(std::size_t lane) const {
  const auto failing = failing_.find(lane);
  return failing == failing_.end() || failing->second.next <= timers_.Steady();
}

Task<Status> Crew::OpenLane(std::size_t lane) {
  auto made = std::make_unique<Lane>(OptionsOf(lane, transport_.capabilities().shared), *kind_, transport_, timers_);
  if (Status started = co_await made->Start(); !started) {
    claims_->LeaveLane(lane);
    Failing& failing = failing_[lane];
    failing.pause = std::clamp(2 * failing.pause, options_.look_every, std::max(kMostLanePause, options_.look_every));
    failing.next = timers_.Steady() + failing.pause.count();
    log::Warning("lane_not_taken", {{"worker", kind_->name()},
                                    {"lane", lane},
                                    {"reason", started.error().message()},
                                    {"again_in_ms", failing.pause.count()}});
    co_return started;
  }
  failing_.erase(lane);
  lanes_.emplace(lane, std::move(made));
  log::Info("lane_taken", {{"worker", kind_->name()}, {"lane", lane}});
  co_return Status();
}

// Without others: all lanes are this instance's, and get their pieces without a queue between.
Task<Status> Crew::StartWhole() {
  Status failed;
  for (std::size_t lane = 0; lane < options_.lanes; ++lane) {
    if (!claims_->TakeLane(lane)) {
      co_await Finish(1s);
      co_return Fail(ErrorCode::kUnavailable, "another process works in " + folder_.string() + "; stop it");
    }
    if (Status opened = co_await OpenLane(lane); !opened) failed = opened;
  }
  if (lanes_.empty()) co_return failed;
  splitter_ = MakeRouter(&Crew::HandleWhole);
  Status started = co_await splitter_->Start();
  if (!started) {
    co_await Finish(1s);
    co_return started;
  }
  if (!failed) {
    balancing_ = true;
    boost::asio::co_spawn(transport_.executor(), OpenMissing(), boost::asio::detached);
  }
  co_return started;
}

Task<Status> Crew::HandleWhole(messaging::Context& context) {
  auto pieces = kind_->Split(context.message(), options_.lanes);
  if (!pieces) co_return AsAnswer(context, std::unexpected(pieces.error()));
  std::map<std::size_t, std::vector<messaging::Message>> shares;
  for (LanePiece& piece : *pieces) shares[piece.lane].push_back(std::move(piece.message));
  // One that fails holds up no other. Again, those that committed take it for a repeat.
  Status failed;
  for (const auto& [lane, share] : shares) {
    Status applied = Fail(ErrorCode::kUnavailable, "lane " + std::to_string(lane) + " could not be opened");
    if (const auto found = lanes_.find(lane); found != lanes_.end()) {
      applied = co_await found->second->Apply(context.message().id, share);
    }
    // What another try may mend counts before what none does.
    if (!applied && (failed || NoUse(failed))) failed = applied;
  }
  co_return AsAnswer(context, failed);
}

// Without others, which lanes are whose does not change.
Task<void> Crew::OpenMissing() {
  while (!stopping_ && lanes_.size() < options_.lanes) {
    co_await changed_.WaitFor(timers_, options_.look_every);
    co_await TakeLanes(options_.lanes);
  }
  balancing_ = false;
  changed_.NotifyAll();
}

Task<void> Crew::Balance() {
  while (!stopping_) {
    const std::size_t share = claims_->Share(options_.lanes);
    co_await LeaveLanes(share);
    co_await TakeLanes(share);
    if (!splitter_) co_await TakeSplitting();
    if (!stopping_) co_await changed_.WaitFor(timers_, options_.look_every);
  }
  balancing_ = false;
  changed_.NotifyAll();
}

Task<void> Crew::LeaveLanes(std::size_t share) {
  while (!stopping_ && lanes_.size() > share) {
    const auto last = std::prev(lanes_.end());
    const std::size_t lane = last->first;
    co_await last->second->Stop(kLeaveWithin);
    lanes_.erase(last);
    claims_->LeaveLane(lane);
    log::Info("lane_left", {{"worker", kind_->name()}, {"lane", lane}});
  }
}

Task<void> Crew::TakeLanes(std::size_t share) {
  for (std::size_t lane = 0; lane < options_.lanes && lanes_.size() < share && !stopping_; ++lane) {
    if (lanes_.contains(lane) || !DueAgain(lane) || !claims_->TakeLane(lane)) continue;
    std::ignore = co_await OpenLane(lane);
  }
}

Task<void> Crew::TakeSplitting() {
  if (stopping_ || !claims_->TakeSplitting()) co_return;
  auto router = MakeRouter(&Crew::Split);
  if (Status started = co_await router->Start(); !started) {
    claims_->LeaveSplitting();
    log::Warning("splitting_not_taken", {{"worker", kind_->name()}, {"reason", started.error().message()}});
    co_return;
  }
  splitter_ = std::move(router);
  log::Info("splitting_taken", {{"worker", kind_->name()}});
}

Task<Status> Crew::Split(messaging::Context& context) {
  auto pieces = kind_->Split(context.message(), options_.lanes);
  if (!pieces) co_return AsAnswer(context, std::unexpected(pieces.error()));
  for (auto& [lane, piece] : *pieces) {
    // No other try would be accepted, and what comes behind it would wait.
    if (Status fits = messaging::Check(piece); !fits) co_return context.Reject(fits.error().message());
    // Its failures were those of the splitting.
    piece.headers.Remove(messaging::header::kFailures);
    piece.headers.Remove(messaging::header::kHistory);
    context.Send(messaging::Address::Queue(LaneQueueOf(kind_->name(), lane)), std::move(piece));
  }
  co_return Status();
}

Task<void> Crew::Finish(std::chrono::milliseconds deadline) {
  const Millis until = timers_.Steady() + deadline.count();
  const auto left = [&] { return std::chrono::milliseconds(std::max<Millis>(until - timers_.Steady(), 0)); };
  if (splitter_) {
    co_await splitter_->Stop(left());
    splitter_.reset();
    claims_->LeaveSplitting();
  }
  while (!lanes_.empty()) {
    const auto first = lanes_.begin();
    co_await first->second->Stop(left());
    claims_->LeaveLane(first->first);
    lanes_.erase(first);
  }
}

Task<void> Crew::Stop(std::chrono::milliseconds deadline) {
  stopping_ = true;
  changed_.NotifyAll();
  while (balancing_) co_await changed_.WaitFor(timers_, 1s);
  co_await Finish(deadline);
  claims_.reset();
}

}  // namespace tidings::app
