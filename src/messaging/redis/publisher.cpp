#include "publisher.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <utility>

#include <tidings/base/id.hpp>

#include "message_codec.hpp"
#include "scripts.hpp"

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

// One command holds the server for as long as it takes.
constexpr std::size_t kMostMessages = 500;
constexpr std::size_t kMostBatchBytes = 1024 * 1024;
constexpr std::size_t kMostUnanswered = 100'000;
constexpr std::size_t kMostUnansweredBytes = 128 * 1024 * 1024;

// Ten digits, so that tokens sort as they were made.
void AppendToken(std::string& out, std::uint64_t number) {
  std::array<char, 10> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    *digit = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    number /= 36;
  }
  out.append(digits.data(), digits.size());
}

}  // namespace

Publisher::Publisher(Executor executor, std::shared_ptr<Client> client, std::shared_ptr<RoutingTable> table)
    : executor_(std::move(executor)), client_(std::move(client)), table_(std::move(table)), answered_(executor_) {
  token_ = RandomToken(12) + ".";
  random_size_ = token_.size();
}

void Publisher::Add(std::shared_ptr<const Target> target, const Message& message,
                    const messaging::PublishOptions& options, Done done) {
  const std::size_t size = EncodedSize(message);
  if (unanswered_ >= kMostUnanswered || bytes_ + size > kMostUnansweredBytes) {
    asio::post(executor_, [done = std::move(done)]() mutable {
      done(Fail(ErrorCode::kUnavailable, "refused: too many messages wait for Redis"));
    });
    return;
  }
  const bool fits = !open_.empty() && open_.back()->target == target && open_.back()->done.size() < kMostMessages &&
                    open_.back()->messages.bytes().size() < kMostBatchBytes;
  if (!fits) {
    open_.push_back(std::make_shared<Batch>());
    open_.back()->target = std::move(target);
    open_.back()->messages.Reserve(4 * (size + 64));
  }
  Batch& batch = *open_.back();
  token_.resize(random_size_);
  AppendToken(token_, ++tokens_);
  batch.messages.Add(token_);
  batch.messages.Add(static_cast<std::int64_t>(options.ttl ? std::max<std::int64_t>(options.ttl->count(), 1) : 0));
  batch.messages.Add(static_cast<std::int64_t>(options.delay.count()));
  batch.messages.AddWritten(size, [&](std::string& out) { AppendMessage(out, message); });
  batch.done.push_back(std::move(done));
  ++unanswered_;
  batch.bytes += size;
  bytes_ += size;
  if (!std::exchange(flushing_, true)) {
    asio::post(executor_, [self = shared_from_this()] { self->Flush(); });
  }
}

void Publisher::Flush() {
  flushing_ = false;
  for (const auto& batch : std::exchange(open_, {})) Send(batch);
}

void Publisher::Close() {
  for (const auto& batch : std::exchange(stale_, {})) Send(batch);
  Flush();
}

// A token that is there already is not put there again, so a batch may be sent twice.
void Publisher::Send(const std::shared_ptr<Batch>& batch) {
  auto request = std::make_unique<Request>(
      scripts::kPublish, batch->target->head,
      [self = shared_from_this(), batch](Result<Value> value, bool) { self->Answered(batch, value); });
  request->more = std::shared_ptr<const Arguments>(batch, &batch->messages);
  request->again = true;
  client_->Send(std::move(request));
}

void Publisher::Finish(Batch& batch, const std::function<Result<std::size_t>(std::size_t)>& result) {
  unanswered_ -= batch.done.size();
  bytes_ -= batch.bytes;
  for (std::size_t i = 0; i < batch.done.size(); ++i) batch.done[i](result(i));
  answered_.NotifyAll();
}

void Publisher::Answered(const std::shared_ptr<Batch>& batch, const Result<Value>& value) {
  const Target& target = *batch->target;
  if (!value) {
    const Error& error = value.error();
    return Finish(*batch, [&](std::size_t) { return std::unexpected(error); });
  }
  if (value->text() == "STALE") {
    stale_.push_back(batch);
    if (!std::exchange(routing_, true)) {
      asio::co_spawn(executor_, [self = shared_from_this()] { return self->RouteAgain(); }, asio::detached);
    }
    return;
  }
  if (value->text() == "MISSING") {
    const Error error(ErrorCode::kNotFound, "there is no queue " + target.routing_key + "; declare it first");
    return Finish(*batch, [&](std::size_t) { return std::unexpected(error); });
  }
  if (value->size() != 2) {
    const Error error(ErrorCode::kInternal, "unexpected from Redis: " + value->Describe());
    return Finish(*batch, [&](std::size_t) { return std::unexpected(error); });
  }
  const auto accepted = static_cast<std::size_t>((*value)[0].integer());
  const auto reached = static_cast<std::size_t>((*value)[1].integer());
  Finish(*batch, [&](std::size_t i) -> Result<std::size_t> {
    if (i < accepted) return reached;
    return Fail(ErrorCode::kUnavailable, "refused: a queue that " + target.routing_key + " goes to is full");
  });
}

Task<void> Publisher::RouteAgain() {
  const auto self = shared_from_this();
  const auto loaded = co_await table_->Load();
  routing_ = false;
  for (const auto& batch : std::exchange(stale_, {})) {
    const Error error =
        loaded ? Error(ErrorCode::kNotFound, "there is no exchange " + batch->target->exchange) : loaded.error();
    if (loaded) batch->target = table_->Route(batch->target->exchange, batch->target->routing_key);
    if (loaded && batch->target) {
      Send(batch);
    } else {
      Finish(*batch, [&](std::size_t) { return std::unexpected(error); });
    }
  }
}

}  // namespace tidings::redis
