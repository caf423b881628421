#include "outbox_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iterator>

#include <tidings/base/log.hpp>

namespace tidings::messaging::embedded {
namespace {

using std::chrono::milliseconds;

// No transport's: theirs begin with 1.
constexpr std::int64_t kForwarder = 0;
// Rows of a lane without order that are tried when it is due: what makes one of them fail may not be what the others are.
constexpr std::size_t kProbed = 8;
constexpr std::size_t kMostErrorText = 1'000;

// The broker will not take it however often it is asked.
bool IsFinal(ErrorCode code) { return code == ErrorCode::kInvalid || code == ErrorCode::kTooLarge; }

// What is left of a delay and of a time to live that began with the commit.
PublishOptions Remaining(const OutboxRow& row, Millis now) {
  PublishOptions options = row.outgoing.options;
  const milliseconds waited(std::max<Millis>(now - row.written_at, 0));
  options.delay = std::max(options.delay - waited, milliseconds(0));
  if (options.ttl) options.ttl = std::max(*options.ttl - waited, milliseconds(1));
  return options;
}

Task<Status> PublishRow(Transport& transport, const OutboxRow& row, Millis now) {
  const PublishOptions options = Remaining(row, now);
  if (options.delay.count() > 0 && !transport.capabilities().delay) {
    co_return Fail(ErrorCode::kInvalid, "the transport " + std::string(transport.name()) + " delays no message");
  }
  try {
    Address to = row.outgoing.to;
    Message message = row.outgoing.message;
    const auto published = co_await transport.Publish(std::move(to), std::move(message), options);
    if (!published) co_return std::unexpected(published.error());
    co_return Status();
  } catch (const std::exception& thrown) {
    co_return Fail(ErrorCode::kInternal, std::string("the transport threw: ") + thrown.what());
  }
}

}  // namespace

OutboxCore::OutboxCore(std::shared_ptr<InboxCore> inbox, Timers& timers, const OutboxOptions& options)
    : inbox_(std::move(inbox)),
      timers_(timers),
      options_(options),
      wake_(inbox_->executor()),
      changed_(inbox_->executor()) {
  options_.page = std::max<std::size_t>(options_.page, 1);
  options_.in_flight = std::max<std::size_t>(options_.in_flight, 1);
}

void OutboxCore::Wake() {
  woken_ = true;
  wake_.NotifyAll();
}

void OutboxCore::BeginStop() {
  if (running_) stopping_ = true;
  wake_.NotifyAll();
  changed_.NotifyAll();
  if (batch_) batch_->done.NotifyAll();
}

Task<void> OutboxCore::Stop() {
  const auto self = shared_from_this();
  BeginStop();
  while (running_) co_await changed_.Wait();
}

// The loop is a coroutine of its own: it ends in good order also where whoever runs it is cancelled.
class OutboxCore::Leaving {
 public:
  Leaving(OutboxCore& core, const Outcome& outcome) : core_(core), outcome_(outcome) {}
  ~Leaving() {
    if (!outcome_) core_.BeginStop();
  }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  OutboxCore& core_;
  const Outcome& outcome_;
};

Task<Status> OutboxCore::Run(Transport& transport) {
  const auto self = shared_from_this();
  if (running_) co_return Fail(ErrorCode::kConflict, "the outbox's forwarder runs already");
  running_ = true;
  stopping_ = false;
  const auto outcome = std::make_shared<Outcome>();
  boost::asio::co_spawn(inbox_->executor(), Loop(self, transport),
                        [self, outcome](const std::exception_ptr& thrown, Status ended) {
                          if (thrown) ended = Fail(ErrorCode::kInternal, "the outbox's forwarder ended by a defect");
                          self->GiveTurn();
                          self->running_ = false;
                          *outcome = std::move(ended);
                          self->changed_.NotifyAll();
                        });
  const Leaving leaving(*this, *outcome);
  while (!*outcome) co_await changed_.Wait();
  co_return **outcome;
}

Task<Status> OutboxCore::Transact(SqliteUnit::Effect effect) {
  const auto inbox = inbox_;
  auto order = std::make_unique<InboxOrder>();
  order->effects.push_back(std::move(effect));
  order = co_await inbox->Commit(std::move(order));
  co_return std::move(order->outcome);
}

// A lock of the operating system, which ends with its holder: there are never two, and no clock is asked.
Result<bool> OutboxCore::TakeTurn() {
  if (stats_.forwards) return true;
  if (!locks_) {
    auto opened = LockFile::Open(std::filesystem::path(inbox_->path()).replace_extension("lock").string());
    if (!opened) return std::unexpected(opened.error());
    locks_.emplace(*std::move(opened));
  }
  if (!locks_->HoldOwner(kForwarder)) return false;
  stats_.forwards = true;
  return true;
}

void OutboxCore::GiveTurn() {
  locks_.reset();
  stats_.forwards = false;
  stats_.waiting_lanes = 0;
  cursor_ = 0;
  lanes_.clear();
  outcomes_.clear();
  accepted_.clear();
  failures_.clear();
}

Task<Status> OutboxCore::Loop(std::shared_ptr<OutboxCore> self, Transport& transport) {
  std::uint32_t failed = 0;
  while (!self->stopping_) {
    const auto turn = self->TakeTurn();
    if (!turn) co_return std::unexpected(turn.error());
    if (!*turn) {
      co_await self->Wait(self->options_.poll_every);
      continue;
    }
    self->woken_ = false;
    const auto round = self->NextRound();
    const Status done = co_await self->RunRound(round);
    if (!done) {
      if (done.error().code() != ErrorCode::kUnavailable) co_return done;
      co_await self->Wait(self->Pause(++failed));
      continue;
    }
    failed = 0;
    if (!round->rows.empty()) {
      co_await self->Forward(transport, std::move(round->rows));
    } else if (round->at_end && round->finished.empty()) {
      co_await self->Wait(std::min(self->options_.poll_every, self->UntilDue()));
    }
  }
  if (self->accepted_.empty() && self->failures_.empty()) co_return Status();
  const auto last = self->NextRound();
  last->most_rows = 0;
  Status done = co_await self->RunRound(last);
  if (!done && done.error().code() == ErrorCode::kUnavailable) {
    log::Warning("outbox_not_settled", {{"reason", done.error().message()}, {"comes_again", last->accepted.size()}});
    co_return Status();
  }
  co_return done;
}

std::shared_ptr<OutboxRound> OutboxCore::NextRound() {
  auto round = std::make_shared<OutboxRound>();
  round->now = timers_.Now();
  round->accepted = accepted_;
  round->failures = failures_;
  round->cursor = cursor_;
  round->most_rows = options_.page;
  round->moves_cursor = lanes_.size() < kMostWaiting;
  const Millis steady = timers_.Steady();
  for (const auto& [name, lane] : lanes_) {
    round->waiting.insert(name);
    if (lane.due > steady) continue;
    const std::size_t probed = lane.keyed ? 1 : kProbed;
    round->due.emplace_back(name, lane.pauses > 0 ? probed : options_.page);
  }
  // Those that waited longest come first, so that many that are due get their turn.
  std::ranges::sort(round->due, {}, [&](const auto& each) { return lanes_.at(each.first).due; });
  return round;
}

Task<Status> OutboxCore::RunRound(std::shared_ptr<OutboxRound> round) {
  Status done = co_await Transact([round](sqlite::Database& database) { return round->Run(database); });
  if (done) Settled(*round);
  co_return done;
}

void OutboxCore::Settled(const OutboxRound& round) {
  stats_.forwarded += accepted_.size();
  stats_.expired += round.expired.size();
  for (const OutboxFailure& failure : failures_) stats_.dead += failure.dies ? 1 : 0;
  accepted_.clear();
  failures_.clear();
  if (options_.ledger != nullptr) {
    for (const std::string& where : round.expired) options_.ledger->Count(LossCause::kExpired, where);
  }
  for (const std::string& lane : round.finished) lanes_.erase(lane);
  stats_.waiting_lanes = lanes_.size();
  cursor_ = round.cursor;
}

Task<void> OutboxCore::Forward(Transport& transport, std::vector<OutboxRow> rows) {
  const auto batch = std::make_shared<Batch>(inbox_->executor());
  batch_ = batch;
  std::map<std::string, std::size_t> of_lane;
  for (OutboxRow& row : rows) {
    if (row.outgoing.message.key.empty()) {
      batch->works.emplace_back().push_back(std::move(row));
      continue;
    }
    const auto [place, fresh] = of_lane.emplace(row.lane, batch->works.size());
    if (fresh) batch->works.emplace_back();
    batch->works[place->second].push_back(std::move(row));
  }
  batch->running = std::min(batch->works.size(), options_.in_flight);
  for (std::size_t i = batch->running; i > 0; --i) {
    boost::asio::co_spawn(inbox_->executor(), Publish(shared_from_this(), batch, transport), boost::asio::detached);
  }
  while (batch->running > 0 && !stopping_) co_await batch->done.Wait();
  const Millis until = timers_.Steady() + options_.drain.count();
  while (batch->running > 0 && timers_.Steady() < until) {
    co_await batch->done.WaitFor(timers_, milliseconds(until - timers_.Steady()));
  }
  batch->over = true;
  batch_.reset();
  PauseLanes();
}

Task<void> OutboxCore::Publish(std::shared_ptr<OutboxCore> self, std::shared_ptr<Batch> batch, Transport& transport) {
  while (!batch->works.empty() && !self->stopping_) {
    const Work work = std::move(batch->works.front());
    batch->works.pop_front();
    for (const OutboxRow& row : work) {
      const Status published = co_await PublishRow(transport, row, self->timers_.Now());
      if (batch->over) co_return;
      if (!self->Note(row, published) || self->stopping_) break;
    }
  }
  --batch->running;
  batch->done.NotifyAll();
}

bool OutboxCore::Note(const OutboxRow& row, const Status& published) {
  LaneOutcome& outcome = outcomes_[row.lane];
  outcome.keyed = !row.outgoing.message.key.empty();
  if (published) {
    accepted_.push_back(row.id);
    outcome.accepted = true;
    return true;
  }
  ++stats_.failures;
  const Error& error = published.error();
  const bool refused = error.code() == ErrorCode::kNotFound;
  OutboxFailure failure(row.id, error.message().substr(0, kMostErrorText));
  failure.counted = refused || IsFinal(error.code());
  failure.dies = IsFinal(error.code()) || (refused && row.tries + 1 >= options_.tries);
  if (failure.dies) {
    log::Err("outbox_message_dead",
             {{"message_id", row.outgoing.message.id}, {"to", PlaceOf(row.outgoing.to)}, {"reason", error.message()}});
  } else {
    outcome.failed = true;
    outcome.refused = refused;
  }
  const bool dies = failure.dies;
  // That the transport is away is written once: it says why the row is still there.
  const auto lane = lanes_.find(row.lane);
  if (failure.counted || lane == lanes_.end() || lane->second.pauses == 0) failures_.push_back(std::move(failure));
  return dies;
}

void OutboxCore::PauseLanes() {
  const Millis steady = timers_.Steady();
  bool recovered = false;
  for (const auto& [name, outcome] : outcomes_) {
    const auto known = lanes_.find(name);
    if (outcome.failed) {
      Lane& lane = lanes_[name];
      lane.pauses = outcome.accepted ? 1 : lane.pauses + 1;
      lane.due = steady + Pause(lane.pauses).count();
      lane.refused = outcome.refused;
      lane.keyed = outcome.keyed;
    } else if (known != lanes_.end()) {
      recovered |= outcome.accepted && known->second.pauses > 0 && !known->second.refused;
      known->second.pauses = 0;
      known->second.due = steady;
    }
  }
  outcomes_.clear();
  stats_.waiting_lanes = lanes_.size();
  if (!recovered) return;
  // What took one of them may take the others again.
  for (auto& [name, lane] : lanes_) {
    if (!lane.refused) lane.due = std::min(lane.due, steady);
  }
}

milliseconds OutboxCore::Pause(std::uint32_t pauses) const {
  milliseconds pause = options_.first_pause;
  for (std::uint32_t i = 1; i < pauses && pause < options_.most_pause; ++i) pause *= 2;
  return std::min(pause, options_.most_pause);
}

milliseconds OutboxCore::UntilDue() const {
  Millis due = timers_.Steady() + options_.most_pause.count();
  for (const auto& [name, lane] : lanes_) due = std::min(due, lane.due);
  return milliseconds(std::max<Millis>(due - timers_.Steady(), 0));
}

Task<void> OutboxCore::Wait(milliseconds most) {
  if (stopping_ || woken_) {
    woken_ = false;
    co_return;
  }
  co_await wake_.WaitFor(timers_, std::max(most, milliseconds(1)));
  woken_ = false;
}

}  // namespace tidings::messaging::embedded
