// StreamReader: one consumer of a stream, from a place in it on, for as long as its connection lasts. What it has fetched can
// be taken after that too: an entry of a stream is nobody's, and acknowledging it asks for more and says nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "connection.hpp"
#include "message_codec.hpp"

namespace tidings::messaging::rabbitmq {

class StreamItem {
 public:
  std::uint64_t offset = 0;
  bool placed = true;  // false: it could not be read, nor could its offset, which is taken from the one before
  Message message;
  std::string stamp;
  std::uint64_t tag = 0;
};

class StreamReader final : public ChannelHandler, public std::enable_shared_from_this<StreamReader> {
 public:
  // Fetches so many entries ahead, 1 to 65,535, and what is left of the chunk that the last of them is in: up to some thousand
  // more, where so many were appended together.
  StreamReader(Executor executor, Timers& timers, std::string stream, std::uint16_t prefetch);
  ~StreamReader() override;

  // Begins at this offset, or at the first entry after it that is kept; without one, a little before the stream's end. Where
  // it succeeds, all that the stream had from there on is fetched, up to the prefetch: if it is empty then, there was nothing.
  // Once. kNotFound: there is no stream; kConflict: it is a queue of another kind; kUnavailable: not now, so shortly after the
  // broker was started.
  Task<Status> Open(std::shared_ptr<Connection> connection, std::optional<std::uint64_t> from);

  const std::string& stream() const { return stream_; }
  bool alive() const { return up_; }
  bool empty() const { return fetched_.empty(); }
  // Offset of what is taken next, or of what comes next.
  std::uint64_t position() const { return fetched_.empty() ? next_ : fetched_.front().offset; }
  // REQUIRES: not empty.
  StreamItem Take();
  // Offset of the newest of what is fetched, if there is something; it is stopped. Of a reader that was opened without an
  // offset, with kWholeChunk, just now: the stream's newest.
  std::optional<std::uint64_t> TakeNewest();
  // Until there is something to take, it is not alive or the time is over.
  Task<void> Wait(std::chrono::milliseconds timeout);
  // Asks for as much as was taken.
  void Settle();
  // Does so and returns when all that the stream has by now is fetched, up to the prefetch.
  Task<Status> CatchUp();
  // Ends it: who waits goes on.
  void Stop();

 private:
  // `asked`: the broker was just asked for more.
  Task<Result<Reply>> Fence(Channel& channel, bool asked);
  void OnContent(Content& content) override;
  void OnCancelled() override {
    // The stream that comes next under this name begins anew: these entries are not its own.
    fetched_.clear();
    OnClosed(Error(ErrorCode::kUnavailable, "the stream is gone"), nullptr);
  }
  void OnClosed(const Error& error, const CloseReason* exception) override;

  Executor executor_;
  Timers& timers_;
  std::string stream_;
  std::uint16_t prefetch_;
  std::shared_ptr<Channel> channel_;
  bool up_ = false;
  std::uint64_t next_ = 0;
  std::uint64_t taken_ = 0;  // tag of the newest entry that was taken, if it was not settled
  std::deque<StreamItem> fetched_;
  Signal ready_;
};

// A chunk has some thousand entries at most, and all of the last one have to be seen to know where the stream ends: the
// prefetch of a reader that begins a little before it.
inline constexpr std::uint16_t kWholeChunk = 65'535;

// What the broker says of a stream that it has not recovered yet is no answer.
Error StreamError(const Error& error);

}  // namespace tidings::messaging::rabbitmq
