#include "redis_streams.hpp"

#include <algorithm>

#include <tidings/messaging/topology.hpp>

#include "message_codec.hpp"
#include "scripts.hpp"
#include "stream_replies.hpp"

namespace tidings::redis {
namespace {

using messaging::LossCause;

constexpr std::size_t kMostIdle = 16;
constexpr std::int64_t kTrimStep = 500;

Task<Result<StreamId>> Refused(Error error) { co_return std::unexpected(std::move(error)); }

Result<StreamId> IdIn(Result<Value> value, bool /*resent*/) {
  if (!value) return std::unexpected(value.error());
  const auto id = StreamId::Parse(value->text());
  if (!id) return std::unexpected(Unexpected(*value));
  return *id;
}

// Out of the answer while it is there, not out of a copy of it.
Result<std::vector<StreamEntry>> EntriesRead(Result<Value> value, bool /*resent*/) {
  if (!value) return std::unexpected(value.error());
  return EntriesOfOne(*value);
}

}  // namespace

RedisStreams::RedisStreams(Executor executor, Timers& timers, std::shared_ptr<Client> client, ClientOptions options,
                           Keys keys, messaging::LossLedger* ledger)
    : executor_(std::move(executor)),
      timers_(timers),
      client_(std::move(client)),
      options_(std::move(options)),
      keys_(std::move(keys)),
      ledger_(ledger) {}

RedisStreams::~RedisStreams() { Close(); }

void RedisStreams::Close() {
  closed_ = true;
  for (const auto& held : blocking_) {
    if (const auto client = held.lock()) client->Close();
  }
  idle_.clear();
}

std::shared_ptr<Client> RedisStreams::TakeBlocking() {
  if (!idle_.empty()) {
    auto client = std::move(idle_.back());
    idle_.pop_back();
    return client;
  }
  auto client = std::make_shared<Client>(executor_, timers_, options_);
  client->Start();
  std::erase_if(blocking_, [](const auto& held) { return held.expired(); });
  blocking_.push_back(client);
  return client;
}

void RedisStreams::GiveBlocking(std::shared_ptr<Client> client) {
  if (closed_ || idle_.size() >= kMostIdle || client->unanswered() > 0) {
    client->Close();
  } else {
    idle_.push_back(std::move(client));
  }
}

void RedisStreams::Count(LossCause cause, const std::string& stream, std::uint64_t messages) {
  if (ledger_ != nullptr && messages > 0) ledger_->Count(cause, stream, messages);
}

// What is there already comes over the connection that all share; only a wait takes one of its own.
Task<RedisStreams::Entries> RedisStreams::ReadWith(Arguments arguments, std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  auto request = std::make_unique<Request>(std::move(arguments), nullptr);
  if (wait.count() <= 0) co_return co_await client_->Ask(std::move(request), EntriesRead);
  request->blocks = wait;
  // Given back even if this is cancelled.
  const auto client = TakeBlocking();
  const std::shared_ptr<void> borrowed(nullptr, [self, client](void*) { self->GiveBlocking(client); });
  co_return co_await client->Ask(std::move(request), EntriesRead);
}

// No coroutine of its own around the client's: this is called for every entry.
Task<Result<StreamId>> RedisStreams::Append(std::string stream, Message message) {
  if (auto checked = Check(message); !checked) return Refused(checked.error());
  if (auto named = messaging::CheckName(stream); !named) return Refused(named.error());
  const std::size_t size = EncodedSize(message);
  const std::string key = keys_.Stream(stream);
  Arguments arguments;
  arguments.Reserve(size + key.size() + 64).Add("XADD").Add(key).Add("*").Add(kEntryField);
  arguments.AddWritten(size, [&](std::string& out) { AppendMessage(out, message); });
  // Not sent twice: the server could not tell the copy from another message.
  return client_->Ask(std::make_unique<Request>(std::move(arguments), nullptr), IdIn);
}

Task<Result<StreamId>> RedisStreams::Tail(std::string stream) {
  const auto self = shared_from_this();
  const auto stats = co_await Stats(std::move(stream));
  if (!stats && stats.error().code() == ErrorCode::kNotFound) co_return StreamId();
  if (!stats) co_return std::unexpected(stats.error());
  co_return stats->last;
}

Task<Result<messaging::StreamStats>> RedisStreams::Stats(std::string stream) {
  const auto self = shared_from_this();
  if (auto named = messaging::CheckName(stream); !named) co_return std::unexpected(named.error());
  const auto reply = co_await client_->Call(Arguments{"XINFO", "STREAM", keys_.Stream(stream)}, true);
  if (!reply && IsNoSuchKey(reply.error())) co_return Fail(ErrorCode::kNotFound, "there is no stream " + stream);
  if (!reply) co_return std::unexpected(reply.error());
  co_return StatsIn(**reply);
}

Task<Result<std::vector<StreamEntry>>> RedisStreams::Read(std::string stream, StreamId after, std::size_t limit,
                                                          std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  if (auto named = messaging::CheckName(stream); !named) co_return std::unexpected(named.error());
  const std::string key = keys_.Stream(stream);
  for (const auto pause : {std::chrono::milliseconds(0), wait}) {
    Arguments arguments{"XREAD", "COUNT"};
    arguments.Add(static_cast<std::int64_t>(limit));
    if (pause.count() > 0) arguments.Add("BLOCK").Add(static_cast<std::int64_t>(pause.count()));
    arguments.AddAll(Arguments{"STREAMS", key, after.Text()});
    auto entries = co_await ReadWith(std::move(arguments), pause);
    if (!entries || !entries->empty() || pause == wait) co_return entries;
  }
  co_return std::vector<StreamEntry>();
}

Task<Result<std::uint64_t>> RedisStreams::Trim(std::string stream, messaging::TrimPolicy policy) {
  const auto self = shared_from_this();
  if (auto named = messaging::CheckName(stream); !named) co_return std::unexpected(named.error());
  std::uint64_t cut = 0;
  for (;;) {
    Arguments arguments{"1", keys_.Stream(stream), policy.length() ? "length" : "from"};
    arguments.Add(policy.length() ? std::to_string(*policy.length()) : policy.from().Text());
    arguments.Add(policy.force() ? "1" : "0").Add(kTrimStep);
    const auto reply = co_await client_->Call(scripts::kTrim, std::move(arguments));
    if (!reply) co_return std::unexpected(reply.error());
    const Value& answer = **reply;
    if (answer.size() != 3) co_return std::unexpected(Unexpected(answer));
    cut += static_cast<std::uint64_t>(answer[0].integer());
    Count(LossCause::kTrimmed, stream, static_cast<std::uint64_t>(answer[1].integer()));
    if (answer[2].text() != "1") co_return cut;
  }
}

}  // namespace tidings::redis
