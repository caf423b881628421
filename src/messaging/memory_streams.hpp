// MemoryStreams: streams and their groups at the in-memory broker.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/streams.hpp>

namespace tidings::messaging {

class MemoryConnection;

class MemoryStreamGroup {
 public:
  class Pending {
   public:
    std::string consumer;
    Millis since = 0;  // steady time of the last delivery
    std::uint32_t deliveries = 0;
  };
  explicit MemoryStreamGroup(StreamId after) : last(after) {}
  StreamId last;  // handed out up to here
  std::map<StreamId, Pending> pending;
  // Whether it owes the entry to somebody: pending, or not handed out yet.
  bool Owes(StreamId id) const { return id > last || pending.contains(id); }
};

class MemoryStream {
 public:
  explicit MemoryStream(Executor executor) : appended(std::move(executor)) {}

  // Nothing but a place to wait at so long.
  bool exists() const { return last > StreamId() || !groups.empty(); }
  StreamId Append(Message message);
  std::vector<StreamEntry> After(StreamId after, std::size_t limit) const;
  // Null if it was cut off.
  const StreamEntry* Find(StreamId id) const;

  StreamId last;
  std::deque<StreamEntry> entries;
  std::map<std::string, MemoryStreamGroup, std::less<>> groups;
  Signal appended;
};

class MemoryStreams final : public Streams {
 public:
  explicit MemoryStreams(std::shared_ptr<MemoryConnection> connection) : connection_(std::move(connection)) {}

  Task<Result<StreamId>> Append(std::string stream, Message message) override;
  Task<Result<StreamId>> Tail(std::string stream) override;
  Task<Result<std::vector<StreamEntry>>> Read(std::string stream, StreamId after, std::size_t limit,
                                              std::chrono::milliseconds wait) override;
  Task<Result<StreamStats>> Stats(std::string stream) override;
  Task<Result<std::uint64_t>> Trim(std::string stream, TrimPolicy policy) override;
  Task<Status> CreateGroup(std::string stream, std::string group, StreamId after) override;
  Task<Result<std::vector<StreamEntry>>> ReadGroup(std::string stream, std::string group, std::string consumer,
                                                   std::size_t limit, std::chrono::milliseconds wait) override;
  Task<Result<std::uint64_t>> Acknowledge(std::string stream, std::string group, std::vector<StreamId> ids) override;
  Task<Result<std::vector<StreamEntry>>> Claim(std::string stream, std::string group, std::string consumer,
                                               std::chrono::milliseconds idle, std::size_t limit) override;
  Task<Result<GroupStats>> Group(std::string stream, std::string group) override;

 private:
  Status CheckUse(std::string_view stream) const;
  std::shared_ptr<MemoryStream> Open(const std::string& stream);
  std::shared_ptr<MemoryStream> Find(std::string_view stream) const;
  Result<MemoryStreamGroup*> FindGroup(std::string_view stream, std::string_view group) const;

  std::shared_ptr<MemoryConnection> connection_;
};

}  // namespace tidings::messaging
