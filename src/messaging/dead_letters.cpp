#include <tidings/messaging/dead_letters.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <ranges>
#include <utility>

namespace tidings::messaging {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMostKept = 10'000;
// How often the leases of what is held are prolonged.
constexpr Millis kExtendEvery = 5'000;
// How long what was put back is waited for where counts lag.
constexpr Millis kMostLag = 2'000;

// A letter as it was before it died.
Message Revived(const Message& letter) {
  Message message = letter;
  const std::uint64_t replays = message.headers.Number(header::kReplays).value_or(0) + 1;
  for (const std::string_view name : {header::kFailures, header::kDeathReason, header::kDeathError, header::kDeathQueue,
                                      header::kDeathTime, header::kHistory}) {
    message.headers.Remove(name);
  }
  message.headers.Set(header::kReplays, std::to_string(replays));
  return message;
}

}  // namespace

bool Selection::Takes(const Message& letter) const {
  if (!reason.empty() && letter.headers.Get(header::kDeathReason) != reason) return false;
  return ids.empty() || std::ranges::find(ids, letter.id) != ids.end();
}

// One walk over a queue's dead letters, from the oldest on, each looked at once.
class DeadLetters::Round {
 public:
  Round(Transport& transport, Timers& timers, const std::string& queue)
      : transport_(transport), timers_(timers), name_(DeadLetterQueue(queue)) {}

  Task<Status> Begin() {
    auto stats = co_await transport_.Stats(name_);
    if (!stats) co_return std::unexpected(stats.error().Within("dead letters"));
    left_ = stats->ready;
    extended_ = timers_.Steady();
    co_return Status();
  }

  // The next letter that is selected; nothing when all were looked at.
  Task<Result<std::optional<Delivery>>> Next(const Selection& select) {
    while (left_ > 0 && kept_.size() < kMostKept) {
      auto popped = co_await transport_.Pop(name_, milliseconds(0));
      if (!popped) co_return std::unexpected(popped.error());
      if (!*popped) break;
      --left_;
      ++looked_at_;
      if (select.Takes((*popped)->message())) co_return std::move(*popped);
      Keep(std::move(**popped));
      co_await Extend();
    }
    co_return std::optional<Delivery>();
  }

  void Keep(Delivery letter) { kept_.push_back(std::move(letter)); }

  // Held that long, a letter must not come back meanwhile.
  Task<void> Extend() {
    if (!transport_.capabilities().leases || timers_.Steady() - extended_ < kExtendEvery) co_return;
    extended_ = timers_.Steady();
    for (Delivery& letter : kept_) co_await letter.Extend();
  }

  // Puts back what was kept, the newest first, so that they lie as they lay. The first error, if there was one.
  Task<Status> End() {
    Status end;
    const std::size_t count = kept_.size();
    for (Delivery& letter : std::views::reverse(kept_)) {
      Status back = co_await letter.Nack();
      if (!back && end) end = back;
    }
    kept_.clear();
    if (end && count > 0 && transport_.capabilities().counts_lag) co_await WaitForCount(count);
    co_return end;
  }

  const std::string& name() const { return name_; }
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  // So that the next walk finds them: it goes by the count. Others may take them meanwhile.
  Task<void> WaitForCount(std::size_t count) {
    const Millis until = timers_.Steady() + kMostLag;
    while (timers_.Steady() < until) {
      const auto stats = co_await transport_.Stats(name_);
      if (!stats || stats->ready >= count) co_return;
      co_await timers_.Sleep(milliseconds(5));
    }
  }

  Transport& transport_;
  Timers& timers_;
  std::string name_;
  std::vector<Delivery> kept_;
  std::uint64_t left_ = 0;
  std::uint64_t looked_at_ = 0;
  Millis extended_ = 0;
};

Task<Result<std::vector<DeadQueue>>> DeadLetters::List() {
  auto names = co_await transport_.Queues();
  if (!names) co_return std::unexpected(names.error());
  std::vector<DeadQueue> queues;
  for (const std::string& name : *names) {
    const auto origin = OriginOfDeadLetters(name);
    if (!origin) continue;
    auto stats = co_await transport_.Stats(name);
    // Deleted meanwhile.
    if (!stats && stats.error().code() == ErrorCode::kNotFound) continue;
    if (!stats) co_return std::unexpected(stats.error());
    if (stats->ready > 0) queues.emplace_back(std::string(*origin), stats->ready);
  }
  co_return queues;
}

Task<Result<std::vector<Message>>> DeadLetters::Peek(std::string queue, Selection select) {
  Round round(transport_, timers_, queue);
  if (Status begun = co_await round.Begin(); !begun) co_return std::unexpected(begun.error());
  std::vector<Message> letters;
  while (letters.size() < select.most) {
    auto next = co_await round.Next(select);
    if (!next) {
      // The first error is told; what could not be put back comes back by itself.
      (void)co_await round.End();
      co_return std::unexpected(next.error());
    }
    if (!*next) break;
    letters.push_back((*next)->message());
    round.Keep(std::move(**next));
  }
  if (Status end = co_await round.End(); !end) co_return std::unexpected(end.error());
  co_return letters;
}

Task<Status> DeadLetters::Edit(std::string queue, std::string id, std::function<void(Message&)> change) {
  Round round(transport_, timers_, queue);
  if (Status begun = co_await round.Begin(); !begun) co_return begun;
  Selection select;
  select.ids.push_back(id);
  auto next = co_await round.Next(select);
  Status edited;
  if (!next) {
    edited = std::unexpected(next.error());
  } else if (!*next) {
    edited = Fail(ErrorCode::kNotFound, "no dead letter of " + queue + " has the id " + id);
  } else {
    Message letter = (*next)->message();
    change(letter);
    letter.id = id;
    Address to = Address::Queue(round.name());
    auto published = co_await transport_.Publish(std::move(to), std::move(letter), PublishOptions());
    if (published) {
      edited = co_await (*next)->Ack();
    } else {
      edited = std::unexpected(published.error());
      round.Keep(std::move(**next));
    }
  }
  Status end = co_await round.End();
  co_return edited ? end : edited;
}

Task<Result<ReplayReport>> DeadLetters::Replay(std::string queue, ReplayOptions options) {
  Round round(transport_, timers_, queue);
  if (Status begun = co_await round.Begin(); !begun) co_return std::unexpected(begun.error());
  ReplayReport report;
  Status failed;
  const double pause = options.per_second > 0 ? 1'000.0 / options.per_second : 0.0;
  const Millis began = timers_.Steady();
  while (report.selected < options.select.most && failed) {
    auto next = co_await round.Next(options.select);
    if (!next) {
      failed = std::unexpected(next.error());
      break;
    }
    if (!*next) break;
    ++report.selected;
    Delivery& letter = **next;
    if (options.dry_run) {
      round.Keep(std::move(letter));
      continue;
    }
    const Millis due = began + std::llround(pause * static_cast<double>(report.replayed));
    while (timers_.Steady() < due) {
      co_await timers_.Sleep(milliseconds(std::min(due - timers_.Steady(), kExtendEvery)));
      co_await round.Extend();
    }
    std::string home = options.to;
    if (home.empty()) home = std::string(letter.message().headers.Get(header::kDeathQueue));
    if (home.empty()) home = queue;
    Message message = Revived(letter.message());
    Address to = Address::Queue(std::move(home));
    auto published = co_await transport_.Publish(std::move(to), std::move(message), PublishOptions());
    if (!published) {
      failed = std::unexpected(published.error());
      round.Keep(std::move(letter));
      break;
    }
    failed = co_await letter.Ack();
    if (failed) ++report.replayed;
  }
  report.looked_at = round.looked_at();
  if (Status end = co_await round.End(); failed && !end) failed = end;
  if (!failed) {
    co_return std::unexpected(
        failed.error().Within("after " + std::to_string(report.replayed) + " letters were replayed"));
  }
  co_return report;
}

Task<Result<std::uint64_t>> DeadLetters::Purge(std::string queue, Selection select) {
  Round round(transport_, timers_, queue);
  if (Status begun = co_await round.Begin(); !begun) co_return std::unexpected(begun.error());
  std::uint64_t purged = 0;
  Status failed;
  while (purged < select.most && failed) {
    auto next = co_await round.Next(select);
    if (!next) failed = std::unexpected(next.error());
    if (!next || !*next) break;
    failed = co_await (*next)->Ack();
    if (failed) ++purged;
  }
  if (ledger_ != nullptr) ledger_->Count(LossCause::kPurged, round.name(), purged);
  if (Status end = co_await round.End(); failed && !end) failed = end;
  if (!failed) co_return std::unexpected(failed.error());
  co_return purged;
}

}  // namespace tidings::messaging
