// The groups of RabbitStreams.
#include <utility>

#include <tidings/base/log.hpp>

#include "rabbit_streams.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// The log of a group: what is kept of it has to hold a state, which is written every 64 KiB or four times its own size.
constexpr std::int64_t kLogBytes = 32 * 1024 * 1024;
constexpr std::int64_t kLogSegmentBytes = 4 * 1024 * 1024;
constexpr std::size_t kMostQueueName = 255;
constexpr int kMostRemade = 3;
// An entry that is there comes by then.
constexpr std::chrono::milliseconds kFetchWait{1'000};
// A node of the broker that lags behind has what a group was handed by then.
constexpr std::chrono::milliseconds kLagWait{1'000};

StreamId EntryId(std::uint64_t number) { return {number, 0}; }

QueueArguments LogArguments() {
  QueueArguments arguments;
  arguments.durable = true;
  Writer writer(arguments.table);
  TableWriter table(writer);
  table.Text("x-queue-type", "stream");
  table.Integer("x-max-length-bytes", kLogBytes);
  table.Integer("x-stream-max-segment-size-bytes", kLogSegmentBytes);
  table.End();
  arguments.table.erase(0, 4);
  return arguments;
}

Error NoGroup(const std::string& stream, const std::string& group) {
  return Error(ErrorCode::kNotFound, "stream " + stream + " has no group " + group + "; create it first");
}

}  // namespace

Task<Result<std::shared_ptr<StreamGroup>>> RabbitStreams::GroupOf(std::string stream, std::string group) {
  for (int tries = 1;; ++tries) {
    if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
    if (Status named = CheckName(group); !named) co_return std::unexpected(named.error().Within("group"));
    std::erase_if(groups_, [](const auto& entry) { return entry.second->ended(); });
    auto& held = groups_[{stream, group}];
    if (!held) {
      held = std::make_shared<StreamGroup>(executor_, timers_, link_, publisher_, GroupLogName(stream, group),
                                           options_.publish_timeout);
    }
    const auto member = held;
    const Status started = co_await member->Start(options_.call_timeout);
    if (started) {
      if (Status usable = member->Usable(); !usable) co_return std::unexpected(usable.error());
      co_return member;
    }
    if (started.error().code() != ErrorCode::kNotFound) co_return std::unexpected(started.error());
    const auto resume = resume_.find({stream, group});
    if (resume == resume_.end() || tries == kMostRemade) co_return std::unexpected(NoGroup(stream, group));
    // The broker lost it.
    if (Status made = co_await MakeGroup(stream, group, resume->second); !made) co_return std::unexpected(made.error());
  }
}

// Declared, and its first step logged: the log decides which one is the first.
Task<Status> RabbitStreams::MakeGroup(std::string stream, std::string group, std::uint64_t after) {
  const std::string log = GroupLogName(stream, group);
  if (log.size() > kMostQueueName) {
    co_return Fail(ErrorCode::kInvalid, "the names of a stream and its group have 254 characters at most, together");
  }
  if (Status declared = co_await Declare(log, LogArguments()); !declared) co_return declared;
  const auto member =
      std::make_shared<StreamGroup>(executor_, timers_, link_, publisher_, log, options_.publish_timeout);
  if (Status started = co_await member->Start(options_.call_timeout); !started) co_return started;
  groups_[{stream, group}] = member;
  if (member->state().created()) co_return Status();
  const auto created = co_await member->Do(GroupStep::Create(after));
  if (!created) co_return std::unexpected(created.error());
  resume_[{stream, group}] = member->Resume();
  co_return Status();
}

// What it has handed out already it hands out again rather than pass over what it has not. Where the stream is longer than the one
// before it by now, nobody sees that it is another.
Task<Status> RabbitStreams::RestartGroup(std::string stream, std::string group, std::uint64_t after) {
  co_await timers_.Sleep(kLagWait);
  const auto reaches = co_await Reaches(stream, after);
  if (!reaches) co_return std::unexpected(reaches.error());
  if (reaches->value_or(true)) co_return Status();
  const auto outcome = co_await Do(stream, group, GroupStep::Restart(after));
  if (!outcome) co_return std::unexpected(outcome.error());
  ledger_.Count(LossCause::kTrimmed, stream, outcome->acknowledged);
  log::Warning("rabbitmq stream was made anew", {{"stream", stream}, {"group", group}});
  co_return Status();
}

Task<Result<GroupOutcome>> RabbitStreams::Do(std::string stream, std::string group, GroupStep step) {
  for (int tries = 1;; ++tries) {
    const auto member = co_await GroupOf(stream, group);
    if (!member) co_return std::unexpected(member.error());
    auto outcome = co_await (*member)->Do(step);
    if (outcome && !outcome->group) co_return std::unexpected(NoGroup(stream, group));
    if (outcome) {
      resume_[{stream, group}] = (*member)->Resume();
      co_return outcome;
    }
    // Its log was deleted.
    if (outcome.error().code() != ErrorCode::kNotFound || tries == kMostRemade) co_return outcome;
    (*member)->Stop();
  }
}

Task<Status> RabbitStreams::CreateGroup(std::string stream, std::string group, StreamId after) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return usable;
  if (Status named = CheckName(group); !named) co_return std::unexpected(named.error().Within("group"));
  // A stream comes into being with its first group, too.
  if (const auto tail = co_await TailOf(stream); !tail) co_return std::unexpected(tail.error());
  std::uint64_t from = after.major();
  if (from == 0) {
    // What is gone by now it was never owed.
    const auto oldest = co_await OldestOf(stream);
    if (!oldest) co_return std::unexpected(oldest.error());
    from = oldest->value_or(0);
  }
  co_return co_await MakeGroup(std::move(stream), std::move(group), from);
}

Task<Result<std::vector<StreamEntry>>> RabbitStreams::ReadGroup(std::string stream, std::string group, std::string,
                                                                std::size_t limit, std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  const Deadline deadline(timers_, wait);
  std::vector<StreamEntry> entries;
  for (;;) {
    const auto member = co_await GroupOf(stream, group);
    if (!member) co_return std::unexpected(member.error());
    if (!(*member)->state().created()) {
      // By another process, just now?
      if (const auto found = co_await Group(stream, group); !found) co_return std::unexpected(found.error());
    }
    // Where another one's steps are still on their way to here, these entries are taken: the step then hands out others, or none.
    const std::uint64_t after = (*member)->state().last();
    auto page = co_await Fetch(stream, after, limit, deadline.left(), Beyond::kTell);
    if (!page) co_return std::unexpected(page.error());
    if (page->beyond) {
      const Status restarted = co_await RestartGroup(stream, group, after);
      if (!restarted && restarted.error().code() != ErrorCode::kNotFound) co_return std::unexpected(restarted.error());
      continue;
    }
    if (page->items.empty()) co_return entries;
    std::vector<std::uint64_t> ids;
    ids.reserve(page->items.size());
    for (const StreamItem& item : page->items) ids.push_back(item.offset + 1);
    const auto outcome = co_await Do(stream, group, GroupStep::Take(limit, timers_.Now(), std::move(ids), after));
    if (!outcome) co_return std::unexpected(outcome.error());
    if (outcome->handed.empty() && outcome->full) {
      co_return Fail(ErrorCode::kUnavailable, "group " + group + " of stream " + stream + " has " +
                                                  std::to_string(GroupState::kMostPending) +
                                                  " entries pending; acknowledge or claim them first");
    }
    auto item = page->items.begin();
    for (const auto& [id, deliveries] : outcome->handed) {
      while (item != page->items.end() && item->offset + 1 < id) ++item;
      if (item == page->items.end() || item->offset + 1 != id) break;
      if (item == page->items.begin() && page->missing > 0) ledger_.Count(LossCause::kTrimmed, stream, page->missing);
      entries.emplace_back(EntryId(id), std::move(item->message), deliveries);
    }
    if (!entries.empty()) co_return entries;
  }
}

Task<Result<std::uint64_t>> RabbitStreams::Acknowledge(std::string stream, std::string group,
                                                       std::vector<StreamId> ids) {
  const auto self = shared_from_this();
  std::vector<std::uint64_t> numbers;
  numbers.reserve(ids.size());
  for (const StreamId id : ids) numbers.push_back(id.major());
  const auto outcome = co_await Do(std::move(stream), std::move(group), GroupStep::Ack(std::move(numbers)));
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return outcome->acknowledged;
}

Task<Result<std::vector<StreamEntry>>> RabbitStreams::Claim(std::string stream, std::string group, std::string,
                                                            std::chrono::milliseconds idle, std::size_t limit) {
  const auto self = shared_from_this();
  const auto least = static_cast<std::uint64_t>(std::max<std::int64_t>(idle.count(), 0));
  auto outcome = co_await Do(stream, group, GroupStep::Claim(least, limit, timers_.Now()));
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return co_await FetchEach(std::move(stream), std::move(group), std::move(*outcome));
}

// What is known to be cut off is pending no more.
Task<Result<std::vector<StreamEntry>>> RabbitStreams::FetchEach(std::string stream, std::string group,
                                                                GroupOutcome outcome) {
  std::vector<StreamEntry> entries;
  std::vector<std::uint64_t> gone;
  const auto& wanted = outcome.handed;
  for (std::size_t at = 0; at < wanted.size();) {
    auto page = co_await Fetch(stream, wanted[at].first - 1, wanted.size() - at, kFetchWait);
    if (!page) co_return std::unexpected(page.error());
    for (StreamItem& item : page->items) {
      while (at < wanted.size() && wanted[at].first < item.offset + 1) gone.push_back(wanted[at++].first);
      if (at < wanted.size() && wanted[at].first == item.offset + 1) {
        entries.emplace_back(EntryId(wanted[at].first), std::move(item.message), wanted[at].second);
        ++at;
      }
    }
    if (!page->items.empty()) continue;
    // Nothing came in time, which proves nothing: gone is what the stream begins behind, the rest stays pending.
    const auto oldest = co_await OldestOf(stream);
    const bool deleted = !oldest && oldest.error().code() == ErrorCode::kNotFound;
    if (!oldest && !deleted) co_return std::unexpected(oldest.error());
    while (deleted && at < wanted.size()) gone.push_back(wanted[at++].first);
    while (oldest && *oldest && at < wanted.size() && wanted[at].first <= **oldest) gone.push_back(wanted[at++].first);
    break;
  }
  if (!gone.empty()) {
    const auto dropped = co_await Do(stream, std::move(group), GroupStep::Ack(std::move(gone)));
    if (!dropped) co_return std::unexpected(dropped.error());
    ledger_.Count(LossCause::kTrimmed, stream, dropped->acknowledged);
  }
  co_return entries;
}

Task<Result<GroupStats>> RabbitStreams::Group(std::string stream, std::string group) {
  const auto self = shared_from_this();
  for (int tries = 1;; ++tries) {
    const auto member = co_await GroupOf(stream, group);
    if (!member) co_return std::unexpected(member.error());
    // With all that others did until now.
    const auto newest = co_await NewestOf((*member)->log());
    if (!newest && newest.error().code() != ErrorCode::kNotFound) co_return std::unexpected(newest.error());
    // One that has ended, or its log was deleted: the next one begins anew.
    if (!newest || (*newest && !co_await (*member)->Saw(**newest, options_.call_timeout))) {
      if (newest && !(*member)->ended()) {
        co_return Fail(ErrorCode::kTimeout,
                       "the log of group " + group + " of stream " + stream + " was not read in time");
      }
      if (tries == kMostRemade) {
        co_return Fail(ErrorCode::kUnavailable,
                       "the log of group " + group + " of stream " + stream + " came to an end");
      }
      (*member)->Stop();
      continue;
    }
    const GroupState& state = (*member)->state();
    if (!state.created()) co_return std::unexpected(NoGroup(stream, group));
    GroupStats stats;
    stats.pending = state.pending().size();
    stats.last_delivered = EntryId(state.last());
    if (!state.pending().empty()) stats.oldest_pending = EntryId(state.pending().begin()->first);
    co_return stats;
  }
}

}  // namespace tidings::messaging::rabbitmq
