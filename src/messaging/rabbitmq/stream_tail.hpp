// StreamTail: follows a stream through broken connections and appends to it. A confirm does not say where an entry stands in
// the stream; only who reads it learns that. So it reads on from the end as it was when it began, and finds its own by a stamp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "link.hpp"
#include "publisher.hpp"
#include "stream_reader.hpp"

namespace tidings::messaging::rabbitmq {

class StreamTailOptions {
 public:
  // Where it begins: at the end, or with the first entry.
  bool from_first = false;
  // What is appended fails when its place is not found in this time.
  std::chrono::milliseconds timeout{30'000};
  // It ends by itself when nobody asked anything of it for so long.
  std::chrono::milliseconds idle{10'000};
};

class StreamTail final : public std::enable_shared_from_this<StreamTail> {
 public:
  // Every entry after the place where it began.
  using OnEntry = std::function<void(const StreamItem& item)>;

  StreamTail(Executor executor, Timers& timers, std::shared_ptr<Link> link, std::shared_ptr<Publisher> publisher,
             std::string stream, StreamTailOptions options, OnEntry on_entry = nullptr);

  // Returns when it follows; with from_first, when it has seen all that there was. kNotFound: there is no stream. Whoever calls
  // it while another does waits for the same. Cancelled, it goes on for those who call it next.
  Task<Status> Start(std::chrono::milliseconds timeout);
  // What marks the entry that is appended next.
  std::string NextStamp();
  // Confirmed, and where. The outcome is unknown where the error is kTimeout. In the order of their stamps. REQUIRES: it was
  // started.
  Task<Result<std::uint64_t>> Append(Message message, std::string stamp);
  // Until it has seen what stands at `offset`; false if the time was over before.
  Task<bool> Saw(std::uint64_t offset, std::chrono::milliseconds timeout);

  // Names what it appends.
  const std::string& writer() const { return writer_; }
  // It has ended: it was stopped, was idle for too long, or its stream is gone.
  bool ended() const { return ended_; }
  std::size_t waiting() const { return waiting_.size(); }
  void Stop();

 private:
  class Waiting {
   public:
    explicit Waiting(Executor executor) : seen(std::move(executor)) {}
    std::optional<std::uint64_t> offset;
    Signal seen;
  };

  Task<Status> Begin(std::chrono::milliseconds timeout);
  Task<Status> Attach(std::chrono::milliseconds timeout);
  Task<void> Run();
  void TakeAll();
  bool IsIdle() const { return waiting_.empty() && calls_ == 0 && timers_.Steady() >= used_ + options_.idle.count(); }

  Executor executor_;
  Timers& timers_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Publisher> publisher_;
  std::string stream_;
  StreamTailOptions options_;
  OnEntry on_entry_;
  std::string writer_;
  std::uint64_t number_ = 0;
  std::shared_ptr<StreamReader> reader_;
  // Where it goes on; nothing before it was attached the first time, where it begins at the end.
  std::optional<std::uint64_t> next_;
  std::map<std::string, std::shared_ptr<Waiting>, std::less<>> waiting_;  // by their stamps
  int calls_ = 0;
  Millis used_ = 0;
  bool starting_ = false;
  std::optional<Status> started_;
  bool ended_ = false;
  Signal stopped_;
  Signal moved_;
};

}  // namespace tidings::messaging::rabbitmq
