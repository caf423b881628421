// Consumer groups of RedisStreams.
#include <algorithm>
#include <array>
#include <charconv>

#include <tidings/messaging/topology.hpp>

#include "redis_streams.hpp"
#include "scripts.hpp"
#include "stream_replies.hpp"

namespace tidings::redis {
namespace {

using messaging::LossCause;

constexpr std::size_t kMostOpen = 100'000;

Status CheckNames(const std::string& stream, const std::string& group) {
  if (auto named = messaging::CheckName(stream); !named) return named;
  return messaging::CheckName(group);
}

// As StreamId::Text writes it, without a text of its own.
void AddId(Arguments& arguments, StreamId id) {
  std::array<char, 48> text;
  char* end = std::to_chars(text.data(), text.data() + text.size(), id.major()).ptr;
  *end++ = '-';
  end = std::to_chars(end, text.data() + text.size(), id.minor()).ptr;
  arguments.Add(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

// The greatest id below.
StreamId Before(StreamId id) {
  if (id.minor() > 0) return StreamId(id.major(), id.minor() - 1);
  if (id.major() > 0) return StreamId(id.major() - 1, ~std::uint64_t{0});
  return id;
}

}  // namespace

StreamId RedisStreams::Progress::Resume() const { return open.empty() ? done : std::min(done, Before(open.front())); }

void RedisStreams::Progress::Open(StreamId id) {
  if (open.size() >= kMostOpen) return;
  if (open.empty() || open.back() < id) {
    open.push_back(id);
    return;
  }
  const auto place = std::ranges::lower_bound(open, id);
  if (*place != id) open.insert(place, id);
}

void RedisStreams::Progress::Done(StreamId id) {
  done = std::max(done, id);
  if (open.empty() || id < open.front()) return;
  if (id == open.front()) {
    open.pop_front();
    return;
  }
  const auto place = std::ranges::lower_bound(open, id);
  if (place != open.end() && *place == id) open.erase(place);
}

Task<Status> RedisStreams::MakeGroup(const std::string& stream, const std::string& group, StreamId after) {
  const auto self = shared_from_this();
  Arguments arguments{"XGROUP", "CREATE", keys_.Stream(stream), group, after.Text(), "MKSTREAM"};
  const auto reply = co_await client_->Call(std::move(arguments), true);
  if (!reply && !reply.error().message().contains("BUSYGROUP")) co_return std::unexpected(reply.error());
  co_return Status();
}

Task<Status> RedisStreams::CreateGroup(std::string stream, std::string group, StreamId after) {
  const auto self = shared_from_this();
  if (auto named = CheckNames(stream, group); !named) co_return named;
  auto made = co_await MakeGroup(stream, group, after);
  if (made) groups_[std::pair(stream, group)].done = std::max(groups_[std::pair(stream, group)].done, after);
  co_return made;
}

Task<RedisStreams::Entries> RedisStreams::ReadGroupOnce(const std::string& stream, const std::string& group,
                                                        const std::string& consumer, std::size_t limit,
                                                        std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  Arguments arguments{"XREADGROUP", "GROUP", group, consumer, "COUNT"};
  arguments.Add(static_cast<std::int64_t>(limit));
  if (wait.count() > 0) arguments.Add("BLOCK").Add(static_cast<std::int64_t>(wait.count()));
  arguments.AddAll(Arguments{"STREAMS", keys_.Stream(stream), ">"});
  co_return co_await ReadWith(std::move(arguments), wait);
}

Task<Result<std::vector<StreamEntry>>> RedisStreams::ReadGroup(std::string stream, std::string group,
                                                               std::string consumer, std::size_t limit,
                                                               std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  if (auto named = CheckNames(stream, group); !named) co_return std::unexpected(named.error());
  const std::pair name(stream, group);
  bool made = false;
  for (auto pause = std::chrono::milliseconds(0);;) {
    auto entries = co_await ReadGroupOnce(stream, group, consumer, limit, pause);
    const bool missing = !entries && IsNoGroup(entries.error());
    if (missing && !groups_.contains(name)) {
      co_return Fail(ErrorCode::kNotFound, "there is no group " + group + " of the stream " + stream);
    }
    if (missing && !made) {
      // The server lost it, by a restart or a failover: from where we know it was, never from the end.
      made = true;
      if (auto again = co_await MakeGroup(stream, group, groups_[name].Resume()); !again) {
        co_return std::unexpected(again.error());
      }
      continue;
    }
    if (!entries) co_return entries;
    Progress& progress = groups_[name];
    for (const StreamEntry& entry : *entries) progress.Open(entry.id);
    if (!entries->empty() || pause == wait) co_return entries;
    pause = wait;
  }
}

Task<Result<std::uint64_t>> RedisStreams::Acknowledge(std::string stream, std::string group,
                                                      std::vector<StreamId> ids) {
  const auto self = shared_from_this();
  if (auto named = CheckNames(stream, group); !named) co_return std::unexpected(named.error());
  if (ids.empty()) co_return std::uint64_t{0};
  Arguments arguments{"XACK", keys_.Stream(stream), group};
  arguments.Reserve(ids.size() * 32);
  for (const StreamId id : ids) AddId(arguments, id);
  const auto reply = co_await client_->Call(std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  Progress& progress = groups_[std::pair(stream, group)];
  for (const StreamId id : ids) progress.Done(id);
  // A first time that was not answered counted them.
  if (reply->resent()) co_return ids.size();
  co_return static_cast<std::uint64_t>((*reply)->integer());
}

Task<Result<std::vector<StreamEntry>>> RedisStreams::Claim(std::string stream, std::string group, std::string consumer,
                                                           std::chrono::milliseconds idle, std::size_t limit) {
  const auto self = shared_from_this();
  if (auto named = CheckNames(stream, group); !named) co_return std::unexpected(named.error());
  std::vector<StreamEntry> claimed;
  std::string cursor = "0-0";
  while (claimed.size() < limit) {
    Arguments arguments{"1", keys_.Stream(stream), group, consumer};
    arguments.Add(static_cast<std::int64_t>(idle.count())).Add(static_cast<std::int64_t>(limit - claimed.size()));
    arguments.Add(cursor);
    const auto reply = co_await client_->Call(scripts::kClaim, std::move(arguments));
    if (!reply && IsNoGroup(reply.error())) {
      co_return Fail(ErrorCode::kNotFound, "there is no group " + group + " of the stream " + stream);
    }
    if (!reply) co_return std::unexpected(reply.error());
    const Value& answer = **reply;
    if (answer.size() != 4) co_return std::unexpected(Unexpected(answer));
    auto entries = EntriesIn(answer[1]);
    if (!entries) co_return std::unexpected(entries.error());
    Count(LossCause::kTrimmed, stream, static_cast<std::uint64_t>(answer[2].integer()));
    std::size_t place = 0;
    for (StreamEntry& entry : *entries) {
      entry.deliveries = static_cast<std::uint32_t>(answer[3][place++].integer());
      claimed.push_back(std::move(entry));
    }
    cursor = answer[0].text();
    if (cursor == "0-0") break;
  }
  co_return claimed;
}

Task<Result<messaging::GroupStats>> RedisStreams::Group(std::string stream, std::string group) {
  const auto self = shared_from_this();
  if (auto named = CheckNames(stream, group); !named) co_return std::unexpected(named.error());
  const std::string key = keys_.Stream(stream);
  const auto none = Fail(ErrorCode::kNotFound, "there is no group " + group + " of the stream " + stream);
  const auto groups = co_await client_->Call(Arguments{"XINFO", "GROUPS", key}, true);
  if (!groups && IsNoSuchKey(groups.error())) co_return none;
  if (!groups) co_return std::unexpected(groups.error());
  messaging::GroupStats stats;
  bool found = false;
  for (const Value info : **groups) {
    if (info.size() < 2 || info[1].text() != group) continue;
    found = true;
    for (auto part = info.begin(); part != info.end(); ++part) {
      const std::string_view name = (*part).text();
      ++part;
      if (name == "pending") stats.pending = static_cast<std::uint64_t>((*part).integer());
      if (name == "last-delivered-id") stats.last_delivered = StreamId::Parse((*part).text()).value_or(StreamId());
    }
  }
  if (!found) co_return none;
  const auto pending = co_await client_->Call(Arguments{"XPENDING", key, group}, true);
  if (!pending) co_return std::unexpected(pending.error());
  if ((*pending)->size() == 4) stats.oldest_pending = StreamId::Parse((**pending)[1].text());
  co_return stats;
}

}  // namespace tidings::redis
