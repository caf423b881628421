#include "fetcher.hpp"

#include <algorithm>
#include <charconv>

#include <tidings/base/id.hpp>

#include "message_codec.hpp"
#include "scripts.hpp"
#include "settlement.hpp"

namespace tidings::redis {
namespace {

// The number after the first colon.
std::uint32_t Handed(std::string_view entry) {
  const std::size_t colon = entry.find(':');
  std::uint32_t number = 0;
  if (colon != std::string_view::npos) std::from_chars(entry.data() + colon + 1, entry.data() + entry.size(), number);
  return number;
}

}  // namespace

Fetcher::Fetcher(Executor executor, std::shared_ptr<Queue> queue, std::chrono::milliseconds lease, std::string owner)
    : queue_(std::move(queue)),
      consumer_(RandomToken(12)),
      owner_(std::move(owner)),
      lease_(lease),
      settled_(std::move(executor)) {}

Fetcher::~Fetcher() { GiveBack(); }

void Fetcher::GiveBack() {
  std::vector<std::string> entries;
  for (const Taken& taken : buffer_) entries.push_back(taken.entry);
  buffer_.clear();
  queue_->ReturnAll(entries, false);
}

void Fetcher::Unregister() {
  if (queue_->client().closed()) return;
  Arguments arguments{"ZREM", queue_->keys().consumers, consumer_};
  auto request = std::make_unique<Request>(std::move(arguments), [](Result<Value>, bool) {});
  request->again = true;
  queue_->client().Send(std::move(request));
}

Task<Result<std::size_t>> Fetcher::Take(std::size_t count, As as) {
  const auto self = shared_from_this();
  if (lost_) {
    const auto recovered = co_await Recover();
    if (!recovered) co_return std::unexpected(recovered.error());
  }
  const QueueKeys& keys = queue_->keys();
  Arguments arguments{"6", keys.options, keys.ready, keys.messages, keys.leased, keys.delayed, keys.consumers};
  arguments.Add(static_cast<std::int64_t>(count)).Add(static_cast<std::int64_t>(lease_.count()));
  arguments.Add(consumer_).Add(keys.wake).Add(as == As::kRegisteredConsumer ? "1" : "0").Add(owner_);
  arguments.Add(as == As::kPop ? "0" : "1");
  co_return co_await Ask(scripts::kTake, std::move(arguments));
}

Task<Result<std::size_t>> Fetcher::Ask(const Script& script, Arguments arguments) {
  const auto self = shared_from_this();
  const Millis ends = queue_->timers().Steady() + lease_.count();
  auto request = std::make_unique<Request>(script, std::move(arguments), nullptr);
  const auto keep = [self, ends, given_up = given_up_](Result<Value> value, bool /*resent*/) -> Result<std::size_t> {
    if (!value) {
      self->lost_ = true;
      return std::unexpected(value.error());
    }
    auto kept = self->Keep(*value, ends);
    if (!kept || given_up == self->given_up_) return kept;
    // It was on its way while what comes before it went back.
    self->GiveBack();
    return 0;
  };
  co_return co_await queue_->client().Ask(std::move(request), keep);
}

Task<Result<std::optional<std::chrono::milliseconds>>> Fetcher::Expire() {
  const auto self = shared_from_this();
  constexpr std::size_t kMost = 100;
  for (;;) {
    const QueueKeys& keys = queue_->keys();
    Arguments arguments{"4", keys.options, keys.ready, keys.messages, keys.leased};
    arguments.Add(static_cast<std::int64_t>(kMost)).Add(static_cast<std::int64_t>(lease_.count())).Add(consumer_);
    const auto expired = co_await Ask(scripts::kExpire, std::move(arguments));
    if (!expired) co_return std::unexpected(expired.error());
    while (!buffer_.empty()) {
      Taken taken = std::move(buffer_.front());
      buffer_.pop_front();
      co_await BuryUnseen(std::move(taken));
    }
    if (*expired < kMost) co_return next_due_;
  }
}

Result<std::size_t> Fetcher::Keep(const Value& value, Millis ends) {
  if (value.text() == "MISSING") return Fail(ErrorCode::kNotFound, "there is no queue " + queue_->name());
  if (value.text() == "EXCLUSIVE") {
    return Fail(ErrorCode::kConflict, "the queue " + queue_->name() + " is exclusive to another connection");
  }
  if (value.size() < 2) return Fail(ErrorCode::kInternal, "unexpected from Redis: " + value.Describe());
  auto part = value.begin();
  const std::int64_t due = (*part).integer();
  next_due_ = due < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(due));
  ++part;
  const std::string_view flags = (*part).text();
  ++part;
  std::size_t count = 0;
  for (; part != value.end() && count < flags.size(); ++part, ++count) {
    Taken taken;
    taken.entry = (*part).text();
    taken.deliveries = Handed(taken.entry);
    taken.flag = flags[count];
    taken.ends = ends;
    ++part;
    taken.message = DecodeMessage((*part).text());
    if (!taken.message) taken.raw = (*part).text();
    if (buffer_.full()) buffer_.set_capacity(2 * buffer_.capacity());
    buffer_.push_back(std::move(taken));
  }
  return count;
}

Task<Result<std::uint64_t>> Fetcher::Recover() {
  const QueueKeys& keys = queue_->keys();
  Arguments arguments{"2", keys.leased, keys.ready, keys.wake, consumer_};
  for (const Taken& taken : buffer_) arguments.Add(taken.entry);
  for (const RedisSettlement* held : held_) arguments.Add(held->entry());
  const auto reply = co_await queue_->client().Call(scripts::kRecover, std::move(arguments), true);
  if (!reply) co_return std::unexpected(reply.error());
  lost_ = false;
  co_return static_cast<std::uint64_t>((*reply)->integer());
}

Task<void> Fetcher::Renew() {
  const auto self = shared_from_this();
  const Millis now = queue_->timers().Steady();
  Arguments arguments{"1", queue_->keys().leased};
  arguments.Add(static_cast<std::int64_t>(lease_.count()));
  for (const Taken& taken : buffer_) arguments.Add(taken.entry);
  const std::size_t asked = buffer_.size();
  if (asked == 0) co_return;
  const std::string last = buffer_.back().entry;
  const auto reply = co_await queue_->client().Call(scripts::kExtend, std::move(arguments), true);
  if (!reply || (*reply)->text().size() != asked) co_return;
  // Some may have been handed out meanwhile, from the front.
  const auto end = std::ranges::find(buffer_, last, &Taken::entry);
  if (end == buffer_.end()) co_return;
  const auto left = static_cast<std::size_t>(end - buffer_.begin()) + 1;
  for (std::size_t i = 0; i < left; ++i) {
    if ((*reply)->text()[asked - left + i] == '1') buffer_[i].ends = now + lease_.count();
  }
}

std::optional<Delivery> Fetcher::HandOutNow() {
  const Millis now = queue_->timers().Steady();
  if (buffer_.empty()) return std::nullopt;
  Taken& taken = buffer_.front();
  if (now >= taken.ends) {
    // Its lease is over: it is, or will be, with somebody else. What came after it goes back too, or it would be handled first.
    ++given_up_;
    GiveBack();
    return std::nullopt;
  }
  if (taken.flag != '0' || !taken.message) return std::nullopt;
  auto settlement = std::make_unique<RedisSettlement>(shared_from_this(), std::move(taken.entry), taken.ends);
  std::optional<Delivery> delivery(std::in_place, std::move(*taken.message), queue_->name(), taken.deliveries,
                                   std::move(settlement));
  buffer_.pop_front();
  return delivery;
}

Task<std::optional<Delivery>> Fetcher::HandOut() {
  const auto self = shared_from_this();
  for (;;) {
    if (auto delivery = HandOutNow()) co_return delivery;
    if (buffer_.empty()) co_return std::nullopt;
    Taken taken = std::move(buffer_.front());
    buffer_.pop_front();
    co_await BuryUnseen(std::move(taken));
  }
}

// If it fails, the lease ends and it comes again.
Task<void> Fetcher::BuryUnseen(Taken taken) {
  DeathReason reason = DeathReason::kUndecodable;
  LossCause cause = LossCause::kNoDeadLetter;
  std::string why = "it is no message of this library; its body is here as it came";
  Message message;
  if (!taken.message) {
    message = Message(std::move(taken.raw));
  } else {
    message = std::move(*taken.message);
    reason = taken.flag == '1' ? DeathReason::kExpired : DeathReason::kDeliveryLimit;
    why = taken.flag == '1' ? "its time to live ended" : "it was handed out too often without being settled";
    if (taken.flag == '1') cause = LossCause::kExpired;
  }
  MarkDead(message, reason, why, queue_->name(), queue_->timers().Now());
  const auto buried = co_await queue_->Bury(std::move(taken.entry), taken.ends, std::move(message), cause);
  (void)buried;
}

}  // namespace tidings::redis
