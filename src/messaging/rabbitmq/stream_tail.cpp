#include "stream_tail.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

#include "at_end.hpp"
#include "group_state.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::uint16_t kTailPrefetch = 1'000;
constexpr std::chrono::milliseconds kAttachPause{100};
constexpr std::chrono::seconds kAttachTimeout{30};

// Counts who is in a call, so that nothing ends under them.
class Inside {
 public:
  explicit Inside(int& calls) : calls_(calls) { ++calls_; }
  ~Inside() { --calls_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int& calls_;
};

}  // namespace

StreamTail::StreamTail(Executor executor, Timers& timers, std::shared_ptr<Link> link,
                       std::shared_ptr<Publisher> publisher, std::string stream, StreamTailOptions options,
                       OnEntry on_entry)
    : executor_(std::move(executor)),
      timers_(timers),
      link_(std::move(link)),
      publisher_(std::move(publisher)),
      stream_(std::move(stream)),
      options_(options),
      on_entry_(std::move(on_entry)),
      writer_(RandomToken(16)),
      used_(timers_.Steady()),
      stopped_(executor_),
      moved_(executor_) {
  if (options_.from_first) next_ = 0;
}

Task<Status> StreamTail::Start(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  const Inside inside(calls_);
  used_ = timers_.Steady();
  const Deadline deadline(timers_, timeout);
  if (!std::exchange(starting_, true)) {
    // On its own: a caller that is cancelled ends it for nobody else.
    const auto begin = [](std::shared_ptr<StreamTail> tail, std::chrono::milliseconds within) -> Task<void> {
      tail->started_ = co_await tail->Begin(within);
    };
    boost::asio::co_spawn(executor_, begin(self, timeout), [self](const std::exception_ptr&) {
      if (!self->started_) {
        self->started_ = Status(Fail(ErrorCode::kUnavailable, "stream " + self->stream_ + " was not opened"));
      }
      if (!*self->started_) self->Stop();
      self->moved_.NotifyAll();
    });
  }
  while (!started_ && !deadline.over()) co_await moved_.WaitFor(timers_, deadline.left());
  if (started_) co_return *started_;
  co_return Fail(ErrorCode::kTimeout, "stream " + stream_ + " could not be opened in time");
}

Task<Status> StreamTail::Begin(std::chrono::milliseconds timeout) {
  const Deadline deadline(timers_, timeout);
  Status attached = co_await Attach(deadline.left());
  while (!attached && attached.error().code() == ErrorCode::kUnavailable && !deadline.over() && !link_->stopped()) {
    co_await timers_.Sleep(kAttachPause);
    attached = co_await Attach(deadline.left());
  }
  if (!attached) co_return attached;
  used_ = timers_.Steady();
  boost::asio::co_spawn(
      executor_, [self = shared_from_this()]() -> Task<void> { co_await self->Run(); }, boost::asio::detached);
  if (!options_.from_first) co_return Status();
  // More than one prefetch may have been there.
  const auto connection = co_await link_->Ready(deadline.left());
  if (!connection) co_return std::unexpected(connection.error());
  const auto end = std::make_shared<StreamReader>(executor_, timers_, stream_, kWholeChunk);
  if (Status opened = co_await end->Open(*connection, std::nullopt); !opened) co_return opened;
  const auto last = end->TakeNewest();
  if (last && !co_await Saw(*last, deadline.left())) {
    co_return Fail(ErrorCode::kTimeout, "stream " + stream_ + " was not read to its end in time");
  }
  co_return Status();
}

Task<Status> StreamTail::Attach(std::chrono::milliseconds timeout) {
  const auto connection = co_await link_->Ready(timeout);
  if (!connection) co_return std::unexpected(connection.error());
  auto reader = std::make_shared<StreamReader>(executor_, timers_, stream_, next_ ? kTailPrefetch : kWholeChunk);
  if (Status opened = co_await reader->Open(*connection, next_); !opened) co_return opened;
  if (!next_) {
    // What is here was there before.
    next_ = 0;
    while (!reader->empty()) next_ = reader->Take().offset + 1;
    reader->Settle();
  } else if (*next_ > 0 && reader->empty()) {
    const auto end = std::make_shared<StreamReader>(executor_, timers_, stream_, kWholeChunk);
    if (Status opened = co_await end->Open(*connection, std::nullopt); !opened) co_return opened;
    const auto newest = end->TakeNewest();
    if (!newest || *newest + 1 < *next_) {
      co_return Fail(ErrorCode::kNotFound, "stream " + stream_ + " was deleted, and made anew");
    }
  }
  if (ended_) co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
  reader_ = std::move(reader);
  co_return Status();
}

Task<void> StreamTail::Run() {
  while (!ended_ && !link_->stopped()) {
    TakeAll();
    if (IsIdle()) break;
    if (reader_->alive()) {
      co_await reader_->Wait(std::max(options_.idle / 4, std::chrono::milliseconds(100)));
      continue;
    }
    const Status attached = co_await Attach(std::chrono::duration_cast<std::chrono::milliseconds>(kAttachTimeout));
    if (attached || ended_) continue;
    if (attached.error().code() == ErrorCode::kNotFound) break;
    log::Debug("rabbitmq stream refused", {{"stream", stream_}, {"why", attached.error().message()}});
    co_await stopped_.WaitFor(timers_, kAttachPause);
  }
  Stop();
}

void StreamTail::TakeAll() {
  while (!reader_->empty()) {
    const StreamItem item = reader_->Take();
    if (item.offset < *next_) continue;
    next_ = item.offset + 1;
    if (on_entry_) on_entry_(item);
    const auto found = waiting_.find(item.stamp);
    // A message that was sent again stands there twice: its place is the first one.
    if (found == waiting_.end() || found->second->offset) continue;
    found->second->offset = item.offset;
    found->second->seen.NotifyAll();
  }
  reader_->Settle();
  moved_.NotifyAll();
}

std::string StreamTail::NextStamp() { return StampText(writer_, ++number_); }

Task<Result<std::uint64_t>> StreamTail::Append(Message message, std::string stamp) {
  const auto self = shared_from_this();
  const Inside inside(calls_);
  used_ = timers_.Steady();
  const Deadline deadline(timers_, options_.timeout);
  const auto waiting = std::make_shared<Waiting>(executor_);
  waiting_.emplace(stamp, waiting);
  const AtEnd forget([&] { waiting_.erase(stamp); });
  const auto published =
      co_await publisher_->Publish(Address::Queue(stream_), std::move(message), PublishOptions(), true, stamp);
  while (published && !waiting->offset && !ended_ && !deadline.over()) {
    co_await waiting->seen.WaitFor(timers_, deadline.left());
  }
  used_ = timers_.Steady();
  // Who has read it knows more than who did not hear of it.
  if (waiting->offset) co_return *waiting->offset;
  if (!published) co_return std::unexpected(published.error());
  // Whoever appends next begins anew: this one may stand behind the end of a stream that lost its newest entries.
  Stop();
  co_return Fail(ErrorCode::kTimeout, "stream " + stream_ + " has the entry, but was not read up to it in time");
}

Task<bool> StreamTail::Saw(std::uint64_t offset, std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  const Inside inside(calls_);
  used_ = timers_.Steady();
  const Deadline deadline(timers_, timeout);
  while (*next_ <= offset && !ended_ && !deadline.over()) co_await moved_.WaitFor(timers_, deadline.left());
  co_return *next_ > offset;
}

void StreamTail::Stop() {
  ended_ = true;
  if (reader_) reader_->Stop();
  for (const auto& [stamp, waiting] : waiting_) waiting->seen.NotifyAll();
  stopped_.NotifyAll();
  moved_.NotifyAll();
}

}  // namespace tidings::messaging::rabbitmq
