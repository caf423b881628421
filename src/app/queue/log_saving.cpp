// How the broker's queues are saved: what was noted since the last time, in one commit of the store.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <tidings/app/asking.hpp>
#include <tidings/base/log.hpp>

#include "log_broker_state.hpp"

namespace tidings::app {

using messaging::Task;

Task<Status> LogBrokerState::Save() {
  const auto self = shared_from_this();
  if (closed_) co_return Fail(ErrorCode::kUnavailable, "the queues are closed");
  const std::uint64_t goal = ++asked_;
  StartSaving();
  while (saved_ < goal && failed_ < goal) co_await save_ended_.Wait();
  co_return saved_ >= goal ? Status() : last_save_;
}

void LogBrokerState::SaveSoon() {
  if (save_soon_ || closed_) return;
  save_soon_ = true;
  save_alarm_ = timers_.Set(options_.save_every, [this] {
    save_soon_ = false;
    ++asked_;
    StartSaving();
  });
}

void LogBrokerState::StartSaving() {
  if (saving_) return;
  saving_ = true;
  boost::asio::co_spawn(executor_, Saving(), boost::asio::detached);
}

Task<void> LogBrokerState::Saving() {
  const auto self = shared_from_this();
  while (!closed_ && saved_ < asked_ && failed_ < asked_) {
    const std::uint64_t goal = asked_;
    const bool failed_before = !last_save_.has_value();
    Status saved = co_await SaveOnce();
    if (closed_) break;
    last_save_ = std::move(saved);
    if (last_save_) {
      saved_ = goal;
      if (failed_before) log::Info("queues_saved_again");
    } else {
      failed_ = goal;
      if (!failed_before) log::Warning("queues_not_saved", {{"reason", last_save_.error().message()}});
      SaveSoon();
    }
    save_ended_.NotifyAll();
  }
  saving_ = false;
}

Task<Status> LogBrokerState::SaveOnce() {
  const auto changes = std::make_shared<chat::QueueChanges>();
  changes->removed_queues = std::exchange(removed_, {});
  for (auto& [name, exchange] : exchanges_) {
    if (exchange.collected || !exchange.durable) continue;
    exchange.collected = true;
    changes->exchanges.push_back({name, static_cast<std::uint32_t>(exchange.kind)});
  }
  for (const auto& [name, queue] : queues_) queue->Collect(*changes);
  if (changes->empty()) co_return Status();

  const auto question = std::make_shared<Question<bool>>(executor_);
  sources_.engine.KeepQueues(
      changes, [asked = Asked<bool>(question)](Result<bool> kept) mutable { asked.Answer(std::move(kept)); });
  const Result<bool> kept = co_await AwaitAnswer(question);
  if (kept) {
    for (const chat::EntryRow& entry : changes->entries) {
      if (const auto queue = by_key_.find(entry.queue); queue != by_key_.end()) queue->second->Saved(entry.place);
    }
    co_return Status();
  }
  removed_.insert(removed_.end(), changes->removed_queues.begin(), changes->removed_queues.end());
  for (const chat::ExchangeRow& exchange : changes->exchanges) exchanges_.find(exchange.name)->second.collected = false;
  for (const chat::QueueRow& row : changes->queues) {
    if (const auto queue = by_key_.find(row.key); queue != by_key_.end()) queue->second->NotDefined();
  }
  for (const auto& [key, place] : changes->removed_entries) {
    if (const auto queue = by_key_.find(key); queue != by_key_.end()) queue->second->NotRemoved(place);
  }
  for (const chat::EntryRow& entry : changes->entries) {
    if (const auto queue = by_key_.find(entry.queue); queue != by_key_.end()) queue->second->NotSaved(entry.place);
  }
  co_return std::unexpected(kept.error());
}

}  // namespace tidings::app
