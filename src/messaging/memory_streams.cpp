#include "memory_streams.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <functional>
#include <utility>

#include "memory_connection.hpp"
#include "memory_state.hpp"

namespace tidings::messaging {
namespace {

// Looks until there is something, the time is over, the wait is cancelled or the connection closed. `look` returns whether
// that was enough.
Task<void> LookUntil(std::shared_ptr<MemoryConnection> connection, std::shared_ptr<MemoryStream> stream,
                     std::chrono::milliseconds wait, std::function<bool()> look) {
  Timers& timers = connection->state->timers();
  const Millis until = timers.Steady() + wait.count();
  while (!look() && !connection->closed) {
    const Millis left = until - timers.Steady();
    if (left <= 0) co_return;
    co_await stream->appended.WaitFor(timers, std::chrono::milliseconds(left));
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return;
  }
}

}  // namespace

StreamId MemoryStream::Append(Message message) {
  last = StreamId(last.major() + 1, 0);
  entries.emplace_back(last, std::move(message));
  appended.NotifyAll();
  return last;
}

std::vector<StreamEntry> MemoryStream::After(StreamId after, std::size_t limit) const {
  const auto begin = std::ranges::upper_bound(entries, after, {}, &StreamEntry::id);
  const auto count = std::min<std::size_t>(limit, static_cast<std::size_t>(entries.end() - begin));
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

const StreamEntry* MemoryStream::Find(StreamId id) const {
  const auto found = std::ranges::lower_bound(entries, id, {}, &StreamEntry::id);
  return found != entries.end() && found->id == id ? &*found : nullptr;
}

Status MemoryStreams::CheckUse(std::string_view stream) const {
  if (connection_->closed) return Fail(ErrorCode::kUnavailable, "the transport is closed");
  if (Status checked = CheckName(stream); !checked) return std::unexpected(checked.error().Within("stream"));
  return {};
}

std::shared_ptr<MemoryStream> MemoryStreams::Open(const std::string& stream) {
  auto& found = connection_->state->streams()[stream];
  if (!found) found = std::make_shared<MemoryStream>(connection_->executor);
  return found;
}

std::shared_ptr<MemoryStream> MemoryStreams::Find(std::string_view stream) const {
  const auto& streams = connection_->state->streams();
  const auto found = streams.find(stream);
  return found == streams.end() ? nullptr : found->second;
}

Result<MemoryStreamGroup*> MemoryStreams::FindGroup(std::string_view stream, std::string_view group) const {
  if (Status usable = CheckUse(stream); !usable) return std::unexpected(usable.error());
  if (const auto found = Find(stream)) {
    if (const auto member = found->groups.find(group); member != found->groups.end()) return &member->second;
  }
  return Fail(ErrorCode::kNotFound,
              "stream " + std::string(stream) + " has no group " + std::string(group) + "; create it first");
}

Task<Result<StreamId>> MemoryStreams::Append(std::string stream, Message message) {
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  if (Status checked = Check(message); !checked) co_return std::unexpected(checked.error());
  co_return Open(stream)->Append(std::move(message));
}

Task<Result<StreamId>> MemoryStreams::Tail(std::string stream) {
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto found = Find(stream);
  co_return found ? found->last : StreamId();
}

Task<Result<std::vector<StreamEntry>>> MemoryStreams::Read(std::string stream, StreamId after, std::size_t limit,
                                                           std::chrono::milliseconds wait) {
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto connection = connection_;
  const auto opened = Open(stream);
  std::vector<StreamEntry> read;
  const auto look = [&] {
    read = opened->After(after, limit);
    return !read.empty();
  };
  co_await LookUntil(connection, opened, wait, std::ref(look));
  if (connection->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  co_return read;
}

Task<Result<StreamStats>> MemoryStreams::Stats(std::string stream) {
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto found = Find(stream);
  if (!found || !found->exists()) co_return Fail(ErrorCode::kNotFound, "there is no stream " + stream);
  StreamStats stats;
  stats.length = found->entries.size();
  if (!found->entries.empty()) stats.first = found->entries.front().id;
  stats.last = found->last;
  co_return stats;
}

Task<Result<std::uint64_t>> MemoryStreams::Trim(std::string stream, TrimPolicy policy) {
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto found = Find(stream);
  if (!found || !found->exists()) co_return Fail(ErrorCode::kNotFound, "there is no stream " + stream);
  auto& entries = found->entries;
  std::uint64_t trimmed = 0;
  const auto may_go = [&] {
    return policy.length() ? entries.size() > *policy.length() : entries.front().id < policy.from();
  };
  while (!entries.empty() && may_go()) {
    const StreamId id = entries.front().id;
    bool owed = false;
    for (const auto& [name, group] : found->groups) owed = owed || group.Owes(id);
    if (owed && !policy.force()) break;
    if (owed) connection_->state->Lose(LossCause::kTrimmed, stream);
    for (auto& [name, group] : found->groups) group.pending.erase(id);
    entries.pop_front();
    ++trimmed;
  }
  co_return trimmed;
}

Task<Status> MemoryStreams::CreateGroup(std::string stream, std::string group, StreamId after) {
  if (Status usable = CheckUse(stream); !usable) co_return usable;
  if (Status checked = CheckName(group); !checked) co_return std::unexpected(checked.error().Within("group"));
  Open(stream)->groups.try_emplace(std::move(group), after);
  co_return Status();
}

Task<Result<std::vector<StreamEntry>>> MemoryStreams::ReadGroup(std::string stream, std::string group,
                                                                std::string consumer, std::size_t limit,
                                                                std::chrono::milliseconds wait) {
  const auto member = FindGroup(stream, group);
  if (!member) co_return std::unexpected(member.error());
  const auto connection = connection_;
  const auto opened = Find(stream);
  std::vector<StreamEntry> read;
  const auto look = [&] {
    read = opened->After((*member)->last, limit);
    return !read.empty();
  };
  co_await LookUntil(connection, opened, wait, std::ref(look));
  if (connection->closed) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  for (const StreamEntry& entry : read) {
    auto& pending = (*member)->pending[entry.id];
    pending.consumer = consumer;
    pending.since = connection->state->timers().Steady();
    pending.deliveries = 1;
    (*member)->last = entry.id;
  }
  co_return read;
}

Task<Result<std::uint64_t>> MemoryStreams::Acknowledge(std::string stream, std::string group,
                                                       std::vector<StreamId> ids) {
  const auto member = FindGroup(stream, group);
  if (!member) co_return std::unexpected(member.error());
  std::uint64_t acknowledged = 0;
  for (const StreamId id : ids) acknowledged += (*member)->pending.erase(id);
  co_return acknowledged;
}

Task<Result<std::vector<StreamEntry>>> MemoryStreams::Claim(std::string stream, std::string group, std::string consumer,
                                                            std::chrono::milliseconds idle, std::size_t limit) {
  const auto member = FindGroup(stream, group);
  if (!member) co_return std::unexpected(member.error());
  const auto opened = Find(stream);
  const Millis now = connection_->state->timers().Steady();
  std::vector<StreamEntry> claimed;
  for (auto& [id, pending] : (*member)->pending) {
    if (claimed.size() >= limit) break;
    if (now - pending.since < idle.count()) continue;
    pending.consumer = consumer;
    pending.since = now;
    ++pending.deliveries;
    claimed.emplace_back(id, opened->Find(id)->message, pending.deliveries);
  }
  co_return claimed;
}

Task<Result<GroupStats>> MemoryStreams::Group(std::string stream, std::string group) {
  const auto member = FindGroup(stream, group);
  if (!member) co_return std::unexpected(member.error());
  GroupStats stats;
  stats.pending = (*member)->pending.size();
  stats.last_delivered = (*member)->last;
  if (stats.pending > 0) stats.oldest_pending = (*member)->pending.begin()->first;
  co_return stats;
}

}  // namespace tidings::messaging
