#include "relay.hpp"

#include <algorithm>

#include <tidings/base/log.hpp>

#include <tidings/app/queue_message.hpp>

namespace tidings::app {
namespace {

constexpr std::string_view kReader = "relay";
// How long a sleeping relay trusts that it is woken.
constexpr std::chrono::milliseconds kLongestRest{1'000};
constexpr Millis kTellEvery = 30'000;

}  // namespace

Relay::Relay(Options options, messaging::Transport& transport, messaging::Timers& timers, chat::ReadPool& reads,
             const eventing::EventStore& store, Keep keep)
    : options_(std::move(options)),
      transport_(transport),
      timers_(timers),
      store_(store),
      pages_(transport.executor(), reads, options_.source),
      keep_(std::move(keep)),
      more_(transport.executor()),
      pause_(options_.first_pause) {}

messaging::Topology Relay::TopologyOf(bool quorum_queue) {
  messaging::QueueOptions queue;
  queue.quorum = quorum_queue;
  // Without arguments of ours, so that consumers which assert {durable: true} find what they expect.
  queue.dead_letters = false;
  queue.delivery_limit = 0;
  messaging::Topology topology;
  topology.AddExchange(std::string(kEventsExchange), messaging::ExchangeKind::kTopic)
      .AddQueue(std::string(kMessagesQueue), queue)
      .Bind(std::string(kEventsExchange), std::string(kMessagesQueue), std::string(kMessageCreated));
  return topology;
}

messaging::Task<void> Relay::Begin() {
  while (!stopping_) {
    auto checkpoint = co_await pages_.Checkpoint(std::string(kReader));
    if (checkpoint) {
      position_ = kept_ = *checkpoint;
      stats_.position = position_;
      co_return;
    }
    co_await Failed(checkpoint.error(), "reading its checkpoint");
  }
}

messaging::Task<void> Relay::Run() {
  co_await Begin();
  while (!stopping_) {
    const bool more = co_await PublishNext();
    KeepPosition(false);
    // Woken in between or not: the head tells.
    if (more || stopping_ || store_.Head() > position_) continue;
    co_await more_.WaitFor(timers_, position_ == kept_ ? kLongestRest : options_.keep_every);
  }
  KeepPosition(true);
}

void Relay::Stop() {
  stopping_ = true;
  more_.NotifyAll();
}

// True if there may be more at once.
messaging::Task<bool> Relay::PublishNext() {
  if (!declared_) {
    Status declared = co_await transport_.Declare(TopologyOf(options_.quorum_queue));
    if (!declared) {
      co_await Failed(declared.error(), "declaring its exchange and queue");
      co_return true;
    }
    declared_ = true;
  }
  auto page = co_await pages_.After(position_);
  if (!page) {
    co_await Failed(page.error(), "reading the log");
    co_return true;
  }
  if (page->last == 0) {
    stats_.waiting_since = 0;
    co_return false;
  }
  stats_.waiting_since = page->oldest_at;
  const bool again = position_ < tried_;
  Status published =
      again ? co_await PublishOneByOne(*page) : co_await transport_.PublishAll(std::move(page->messages));
  if (!published) {
    // Perhaps somebody has deleted the queue.
    declared_ = false;
    tried_ = std::max(tried_, page->last);
    co_await Failed(published.error(), "publishing");
    co_return true;
  }
  if (!again) Passed(*page, page->last);
  co_return true;
}

messaging::Task<Status> Relay::PublishOneByOne(LogPage& page) {
  for (std::size_t i = 0; i < page.messages.size() && !stopping_; ++i) {
    messaging::Outgoing& one = page.messages[i];
    const auto published = co_await transport_.Publish(std::move(one.to), std::move(one.message), one.options);
    if (!published) co_return std::unexpected(published.error());
    Passed(page, page.positions[i]);
  }
  if (!stopping_) Passed(page, page.last);
  co_return Status();
}

void Relay::Passed(const LogPage& page, chat::Position upto) {
  const auto between = [&](chat::Position position) { return position > position_ && position <= upto; };
  stats_.published += static_cast<std::uint64_t>(std::ranges::count_if(page.positions, between));
  if (const auto damaged = std::ranges::count_if(page.damaged, between); damaged != 0) {
    log::Err("relay_passed_over_damaged_events", {{"events", damaged}, {"up_to_position", upto}});
    stats_.damaged += static_cast<std::uint64_t>(damaged);
  }
  position_ = upto;
  stats_.position = position_;
  if (stats_.stuck.exchange(false)) log::Info("relay_goes_on", {{"position", position_}});
  pause_ = options_.first_pause;
}

messaging::Task<void> Relay::Failed(const Error& error, std::string_view doing) {
  if (stopping_) co_return;
  ++stats_.failures;
  const bool first = !stats_.stuck.exchange(true);
  if (first || timers_.Steady() - told_at_ >= kTellEvery) {
    told_at_ = timers_.Steady();
    log::Warning(
        "relay_waits",
        {{"doing", doing}, {"reason", error.message()}, {"position", position_}, {"again_in_ms", pause_.count()}});
  }
  // Where it stands is kept meanwhile, and a new event does not shorten the pause: only Stop does.
  KeepPosition(true);
  const Millis until = timers_.Steady() + pause_.count();
  while (!stopping_ && timers_.Steady() < until) {
    co_await more_.WaitFor(timers_, std::chrono::milliseconds(until - timers_.Steady()));
  }
  pause_ = std::min(pause_ * 2, options_.most_pause);
}

void Relay::KeepPosition(bool now) {
  if (position_ == kept_) return;
  const Millis steady = timers_.Steady();
  if (!now && steady - kept_at_ < options_.keep_every.count()) return;
  kept_at_ = steady;
  kept_ = position_;
  keep_(position_);
}

}  // namespace tidings::app
