#include "queue.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>

#include "message_codec.hpp"
#include "scripts.hpp"

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostAcks = 1'000;

Error NotOurs(const std::string& queue) {
  return Error(ErrorCode::kConflict,
               "the lease of this message of " + queue + " ended; it was or will be handed out again");
}

}  // namespace

Queue::Queue(Executor executor, std::shared_ptr<Client> client, Timers& timers, LossLedger* ledger, const Keys& keys,
             std::string name)
    : executor_(std::move(executor)),
      client_(std::move(client)),
      timers_(timers),
      ledger_(ledger),
      name_(std::move(name)),
      keys_(keys.Queue(name_)),
      dead_(keys.Queue(messaging::DeadLetterQueue(name_))),
      queues_key_(keys.Queues()) {}

void Queue::Count(LossCause cause, std::uint64_t messages) {
  if (ledger_ != nullptr && messages > 0) ledger_->Count(cause, name_, messages);
}

Arguments Queue::Start(std::initializer_list<std::string_view> keys) const {
  Arguments arguments;
  arguments.Add(static_cast<std::int64_t>(keys.size()));
  for (const std::string_view key : keys) arguments.Add(key);
  return arguments;
}

// A request that was sent twice and finds its entry gone did it the first time, for as long as nobody else could have.
Status Queue::Settled(bool done, bool resent, Millis ends) const {
  if (done || (resent && timers_.Steady() < ends)) return {};
  return std::unexpected(NotOurs(name_));
}

Task<Status> Queue::Ack(std::string entry, Millis ends) {
  Status result;
  const auto self = shared_from_this();
  const auto initiate = [&](auto handler) {
    if (!batch_) {
      batch_ = std::make_unique<Batch>();
      asio::post(executor_, [weak = weak_from_this()] {
        if (const auto queue = weak.lock()) queue->Flush();
      });
    }
    batch_->entries.Add(entry);
    batch_->acked.push_back(Acked{ends, [&result, handler = std::move(handler)](Status status) mutable {
                                    result = std::move(status);
                                    std::move(handler)();
                                  }});
    if (batch_->acked.size() >= kMostAcks) Flush();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, asio::use_awaitable);
  co_return result;
}

void Queue::Flush() {
  if (!batch_) return;
  std::shared_ptr<Batch> batch = std::move(batch_);
  Arguments arguments = Start({keys_.leased, keys_.messages});
  arguments.AddAll(batch->entries);
  auto request = std::make_unique<Request>(
      scripts::kAck, std::move(arguments), [self = shared_from_this(), batch](Result<Value> value, bool resent) {
        const std::string digits(value ? value->text() : std::string_view());
        for (std::size_t i = 0; i < batch->acked.size(); ++i) {
          Acked& acked = batch->acked[i];
          acked.done(value ? self->Settled(i < digits.size() && digits[i] == '1', resent, acked.ends)
                           : Status(std::unexpected(value.error())));
        }
      });
  request->again = true;
  client_->Send(std::move(request));
}

Task<Status> Queue::Return(std::string entry, Millis ends) {
  const auto self = shared_from_this();
  Arguments arguments = Start({keys_.leased, keys_.ready});
  arguments.Add(keys_.wake).Add("1").Add(entry);
  const auto reply = co_await client_->Call(scripts::kReturn, std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  co_return Settled((*reply)->text() == "1", reply->resent(), ends);
}

void Queue::ReturnAll(const std::vector<std::string>& entries, bool counted) {
  if (entries.empty() || client_->closed()) return;
  Arguments arguments = Start({keys_.leased, keys_.ready});
  arguments.Add(keys_.wake).Add(counted ? "0" : "1");
  for (const std::string& entry : entries) arguments.Add(entry);
  auto request = std::make_unique<Request>(scripts::kReturn, std::move(arguments), [](Result<Value>, bool) {});
  request->again = true;
  client_->Send(std::move(request));
}

Task<Status> Queue::Retry(std::string entry, Millis ends, Message message, std::chrono::milliseconds delay) {
  const auto self = shared_from_this();
  if (auto checked = Check(message); !checked) co_return checked;
  Arguments arguments = Start({keys_.leased, keys_.ready, keys_.messages, keys_.delayed});
  arguments.Add(keys_.wake).Add(entry).Add(static_cast<std::int64_t>(delay.count()));
  arguments.AddWritten(EncodedSize(message), [&](std::string& out) { AppendMessage(out, message); });
  const auto reply = co_await client_->Call(scripts::kRetry, std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  co_return Settled((*reply)->integer() == 1, reply->resent(), ends);
}

Task<Result<bool>> Queue::HasDeadLetters() {
  const auto reply = co_await client_->Call(Arguments{"HGET", keys_.options, "dead_letters"}, true);
  if (!reply) co_return std::unexpected(reply.error());
  co_return (*reply)->text() == "1";
}

Task<Status> Queue::Bury(std::string entry, Millis ends, Message message, LossCause cause) {
  const auto self = shared_from_this();
  const auto keeps = co_await HasDeadLetters();
  if (!keeps) co_return std::unexpected(keeps.error());
  if (!*keeps) {
    auto dropped = co_await Ack(std::move(entry), ends);
    if (dropped) Count(cause);
    co_return dropped;
  }
  Arguments arguments = Start({keys_.leased, keys_.messages, dead_.options, dead_.ready, dead_.messages});
  arguments.Add(entry);
  arguments.AddWritten(EncodedSize(message), [&](std::string& out) { AppendMessage(out, message); });
  arguments.Add(dead_.wake);
  const Arguments copy = arguments;
  auto reply = co_await client_->Call(scripts::kBury, std::move(arguments), true);
  if (reply && (*reply)->text() == "MISSING") {
    // Somebody removed it.
    Arguments declare = Start({dead_.options, queues_key_});
    declare.Add(messaging::DeadLetterQueue(name_)).Add("0").Add("made").Add("1").Add("dead_letters").Add("0");
    const auto made = co_await client_->Call(scripts::kDeclareQueue, std::move(declare), true);
    if (!made) co_return std::unexpected(made.error());
    Arguments second = copy;
    reply = co_await client_->Call(scripts::kBury, std::move(second), true);
  }
  if (!reply) co_return std::unexpected(reply.error());
  co_return Settled((*reply)->integer() == 1, reply->resent(), ends);
}

Task<bool> Queue::Extend(std::string entry, std::chrono::milliseconds lease) {
  const auto self = shared_from_this();
  Arguments arguments = Start({keys_.leased});
  arguments.Add(static_cast<std::int64_t>(lease.count())).Add(entry);
  const auto reply = co_await client_->Call(scripts::kExtend, std::move(arguments), true);
  co_return reply && (*reply)->text() == "1";
}

}  // namespace tidings::redis
