#include "rabbit_streams.hpp"

#include <algorithm>
#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::uint16_t kLeastPrefetch = 16;
constexpr std::uint16_t kMostPrefetch = 256;
constexpr std::chrono::milliseconds kOpenPause{50};
// How often a read looks whether its stream is there by now.
constexpr std::chrono::milliseconds kMissingPause{100};
constexpr int kMostMade = 3;

StreamId PlaceOf(std::uint64_t offset) { return {offset + 1, 0}; }

Error TransportClosed() { return Error(ErrorCode::kUnavailable, "the transport is closed"); }

QueueArguments StreamArguments(const RabbitOptions& options) {
  QueueArguments arguments;
  arguments.durable = true;
  Writer writer(arguments.table);
  TableWriter table(writer);
  table.Text("x-queue-type", "stream");
  if (options.stream_most_bytes > 0) {
    table.Integer("x-max-length-bytes", static_cast<std::int64_t>(options.stream_most_bytes));
  }
  if (options.stream_most_age.count() > 0) {
    table.Text("x-max-age", std::to_string(options.stream_most_age.count()) + "s");
  }
  if (options.stream_segment_bytes > 0) {
    table.Integer("x-stream-max-segment-size-bytes", static_cast<std::int64_t>(options.stream_segment_bytes));
  }
  table.End();
  arguments.table.erase(0, 4);
  return arguments;
}

}  // namespace

RabbitStreams::RabbitStreams(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
                             std::shared_ptr<Publisher> publisher, const RabbitOptions& options)
    : executor_(std::move(executor)),
      timers_(timers),
      ledger_(ledger),
      link_(std::move(link)),
      publisher_(std::move(publisher)),
      options_(options),
      parked_(timers_),
      made_(executor_) {}

Status RabbitStreams::CheckUse(std::string_view stream) const {
  if (closed_) return std::unexpected(TransportClosed());
  if (Status named = CheckName(stream); !named) return std::unexpected(named.error().Within("stream"));
  return {};
}

Task<Result<std::shared_ptr<StreamReader>>> RabbitStreams::Open(std::string stream, std::optional<std::uint64_t> from,
                                                                std::uint16_t prefetch) {
  const Deadline deadline(timers_, options_.call_timeout);
  for (;;) {
    if (closed_) co_return std::unexpected(TransportClosed());
    const auto connection = co_await link_->Ready(deadline.left());
    if (!connection) co_return std::unexpected(connection.error());
    auto reader = std::make_shared<StreamReader>(executor_, timers_, stream, prefetch);
    const Status opened = co_await reader->Open(*connection, from);
    if (opened) {
      std::erase_if(readers_, [](const auto& weak) { return weak.expired(); });
      readers_.push_back(reader);
      co_return reader;
    }
    if (opened.error().code() != ErrorCode::kUnavailable || deadline.over()) co_return std::unexpected(opened.error());
    co_await timers_.Sleep(kOpenPause);
  }
}

Task<Status> RabbitStreams::Declare(std::string queue, QueueArguments arguments) {
  const Deadline deadline(timers_, options_.call_timeout);
  for (;;) {
    if (closed_) co_return std::unexpected(TransportClosed());
    const auto connection = co_await link_->Ready(deadline.left());
    if (!connection) co_return std::unexpected(connection.error());
    Scratch scratch(*connection);
    const auto declared = co_await scratch.DeclareQueue(queue, arguments);
    made_.NotifyAll();
    // One that is there already, with other bounds, is used as it is found.
    if (declared || declared.error().message().contains("inequivalent arg 'x-max") ||
        declared.error().message().contains("inequivalent arg 'x-stream")) {
      co_return Status();
    }
    const Error error = StreamError(declared.error());
    if (error.code() != ErrorCode::kUnavailable || deadline.over()) {
      co_return std::unexpected(error.Within("stream " + queue));
    }
    co_await timers_.Sleep(kOpenPause);
  }
}

Task<Result<std::optional<std::uint64_t>>> RabbitStreams::NewestOf(std::string queue) {
  const auto reader = co_await Open(std::move(queue), std::nullopt, kWholeChunk);
  if (!reader) co_return std::unexpected(reader.error());
  co_return (*reader)->TakeNewest();
}

Task<Result<std::optional<std::uint64_t>>> RabbitStreams::OldestOf(std::string queue) {
  const auto reader = co_await Open(std::move(queue), 0, 1);
  if (!reader) co_return std::unexpected(reader.error());
  std::optional<std::uint64_t> oldest;
  if (!(*reader)->empty()) oldest = (*reader)->Take().offset;
  (*reader)->Stop();
  co_return oldest;
}

Task<Result<std::shared_ptr<StreamTail>>> RabbitStreams::TailOf(std::string stream) {
  for (int tries = 1;; ++tries) {
    if (closed_) co_return std::unexpected(TransportClosed());
    std::erase_if(tails_, [](const auto& entry) { return entry.second->ended(); });
    auto& held = tails_[stream];
    if (!held) {
      StreamTailOptions options;
      options.timeout = options_.publish_timeout;
      held = std::make_shared<StreamTail>(executor_, timers_, link_, publisher_, stream, options);
    }
    const auto tail = held;
    const Status started = co_await tail->Start(options_.call_timeout);
    if (started) co_return tail;
    if (started.error().code() != ErrorCode::kNotFound || tries == kMostMade) {
      co_return std::unexpected(started.error());
    }
    if (Status made = co_await Declare(stream, StreamArguments(options_)); !made) {
      co_return std::unexpected(made.error());
    }
  }
}

Task<Result<StreamId>> RabbitStreams::Append(std::string stream, Message message) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  if (Status fits = Check(message); !fits) co_return std::unexpected(fits.error());
  for (int tries = 1;; ++tries) {
    const auto tail = co_await TailOf(stream);
    if (!tail) co_return std::unexpected(tail.error());
    const auto offset = co_await (*tail)->Append(message, (*tail)->NextStamp());
    if (offset) co_return PlaceOf(*offset);
    // Deleted under its tail: made again.
    if (offset.error().code() != ErrorCode::kNotFound || tries == kMostMade) co_return std::unexpected(offset.error());
    (*tail)->Stop();
  }
}

Task<Result<StreamId>> RabbitStreams::Tail(std::string stream) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto newest = co_await NewestOf(std::move(stream));
  if (!newest && newest.error().code() == ErrorCode::kNotFound) co_return StreamId();
  if (!newest) co_return std::unexpected(newest.error());
  co_return *newest ? PlaceOf(**newest) : StreamId();
}

Task<Result<StreamStats>> RabbitStreams::Stats(std::string stream) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  const auto oldest = co_await OldestOf(stream);
  if (!oldest) co_return std::unexpected(oldest.error());
  StreamStats stats;
  if (!*oldest) co_return stats;
  const auto newest = co_await NewestOf(std::move(stream));
  if (!newest) co_return std::unexpected(newest.error());
  if (!*newest) co_return stats;
  stats.first = PlaceOf(**oldest);
  stats.last = PlaceOf(**newest);
  stats.length = **newest - **oldest + 1;
  co_return stats;
}

Task<Result<std::uint64_t>> RabbitStreams::Trim(std::string stream, TrimPolicy) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  co_return Fail(ErrorCode::kUnavailable,
                 "RabbitMQ trims streams itself: set x-max-age or x-max-length-bytes for stream " + stream +
                     " by a policy, or RabbitOptions::stream_most_bytes and stream_most_age before it is made");
}

Task<Result<std::optional<bool>>> RabbitStreams::Reaches(std::string stream, std::uint64_t from) {
  if (from == 0) co_return true;
  const auto newest = co_await NewestOf(std::move(stream));
  if (!newest) co_return std::unexpected(newest.error());
  if (!*newest) co_return std::nullopt;
  co_return **newest + 1 >= from;
}

Task<Result<RabbitStreams::Page>> RabbitStreams::Fetch(std::string stream, std::uint64_t from, std::size_t limit,
                                                       std::chrono::milliseconds wait, Beyond beyond) {
  Page page;
  if (limit == 0) co_return page;
  const Deadline deadline(timers_, wait);
  auto reader = parked_.Take(stream, from);
  bool reached = true;
  for (;;) {
    if (closed_) co_return std::unexpected(TransportClosed());
    if (!reader || (!reader->alive() && reader->empty())) {
      const auto prefetch = std::clamp<std::size_t>(limit, kLeastPrefetch, kMostPrefetch);
      auto opened = co_await Open(stream, from, static_cast<std::uint16_t>(prefetch));
      if (!opened) {
        if (opened.error().code() != ErrorCode::kNotFound) co_return std::unexpected(opened.error());
        if (deadline.over()) co_return page;
        co_await made_.WaitFor(timers_, std::min(deadline.left(), kMissingPause));
        continue;
      }
      reader = std::move(*opened);
      reached = beyond == Beyond::kWait || !reader->empty();
    } else if (wait.count() == 0 && reader->empty() && !co_await reader->CatchUp()) {
      reader->Stop();
      continue;
    }
    // One that was parked a little before `from` has not come to it yet.
    const bool before = !reader->empty() && wait.count() == 0;
    while (!reader->empty() && page.items.size() < limit) {
      StreamItem item = reader->Take();
      if (item.offset >= from) page.items.push_back(std::move(item));
    }
    if (!page.items.empty()) break;
    if (before) continue;
    if (!reached) {
      const auto reaches = co_await Reaches(stream, from);
      if (!reaches && reaches.error().code() != ErrorCode::kNotFound) co_return std::unexpected(reaches.error());
      reached = reaches && reaches->value_or(false);
      page.beyond = reaches && !reaches->value_or(true);
      // It would wait at a place that its stream has not come to, and pass over what comes before.
      if (!reached) std::exchange(reader, nullptr)->Stop();
      if (page.beyond || (!reached && deadline.over())) co_return page;
      if (!reached) {
        co_await timers_.Sleep(std::min(deadline.left(), kMissingPause));
        continue;
      }
    }
    if (deadline.over()) break;
    reader->Settle();
    co_await reader->Wait(deadline.left());
  }
  parked_.Park(std::move(reader));
  if (page.items.empty() || page.items.front().offset == from) co_return page;
  // RabbitMQ keeps an offset to itself at the beginning of each segment. What is before the first one that is kept was cut
  // off; that may be one too many, where it was cut off just there.
  const auto oldest = co_await OldestOf(stream);
  if (!oldest) co_return std::unexpected(oldest.error());
  if (*oldest) {
    // It may have been trimmed on while this page was on its way.
    const std::uint64_t first = std::min(**oldest, page.items.front().offset);
    if (first > from) page.missing = first - from;
  }
  co_return page;
}

Task<Result<std::vector<StreamEntry>>> RabbitStreams::Read(std::string stream, StreamId after, std::size_t limit,
                                                           std::chrono::milliseconds wait) {
  const auto self = shared_from_this();
  if (Status usable = CheckUse(stream); !usable) co_return std::unexpected(usable.error());
  auto page = co_await Fetch(stream, after.major(), limit, wait);
  if (!page) co_return std::unexpected(page.error());
  // Who reads from the start was owed nothing of what is gone.
  if (page->missing > 0 && after > StreamId()) ledger_.Count(LossCause::kTrimmed, stream, page->missing);
  std::vector<StreamEntry> entries;
  entries.reserve(page->items.size());
  for (StreamItem& item : page->items) entries.emplace_back(PlaceOf(item.offset), std::move(item.message));
  co_return entries;
}

Task<void> RabbitStreams::Finish(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  const Deadline deadline(timers_, timeout);
  const auto waits = [this] {
    return std::ranges::any_of(tails_, [](const auto& entry) { return entry.second->waiting() > 0; });
  };
  while (!closed_ && waits() && !deadline.over()) co_await timers_.Sleep(std::chrono::milliseconds(5));
}

void RabbitStreams::Close() {
  closed_ = true;
  for (const auto& [stream, tail] : tails_) tail->Stop();
  for (const auto& [names, group] : groups_) group->Stop();
  for (const auto& weak : readers_) {
    if (const auto reader = weak.lock()) reader->Stop();
  }
  parked_.Clear();
  made_.NotifyAll();
}

}  // namespace tidings::messaging::rabbitmq
