// RedisStreams: Redis' own streams and consumer groups.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/streams.hpp>

#include "client.hpp"
#include "keys.hpp"

namespace tidings::redis {

using messaging::StreamEntry;
using messaging::StreamId;

class RedisStreams final : public messaging::Streams, public std::enable_shared_from_this<RedisStreams> {
 public:
  RedisStreams(Executor executor, Timers& timers, std::shared_ptr<Client> client, ClientOptions options, Keys keys,
               messaging::LossLedger* ledger);
  ~RedisStreams() override;

  Task<Result<StreamId>> Append(std::string stream, messaging::Message message) override;
  Task<Result<StreamId>> Tail(std::string stream) override;
  Task<Result<std::vector<StreamEntry>>> Read(std::string stream, StreamId after, std::size_t limit,
                                              std::chrono::milliseconds wait) override;
  Task<Result<messaging::StreamStats>> Stats(std::string stream) override;
  Task<Result<std::uint64_t>> Trim(std::string stream, messaging::TrimPolicy policy) override;
  Task<Status> CreateGroup(std::string stream, std::string group, StreamId after) override;
  Task<Result<std::vector<StreamEntry>>> ReadGroup(std::string stream, std::string group, std::string consumer,
                                                   std::size_t limit, std::chrono::milliseconds wait) override;
  Task<Result<std::uint64_t>> Acknowledge(std::string stream, std::string group, std::vector<StreamId> ids) override;
  Task<Result<std::vector<StreamEntry>>> Claim(std::string stream, std::string group, std::string consumer,
                                               std::chrono::milliseconds idle, std::size_t limit) override;
  Task<Result<messaging::GroupStats>> Group(std::string stream, std::string group) override;
  void Close();

 private:
  // How far a group has come, as far as this process knows: where it begins again if the server loses it.
  class Progress {
   public:
    StreamId Resume() const;
    void Open(StreamId id);
    void Done(StreamId id);
    StreamId done;
    std::deque<StreamId> open;  // handed out here, not acknowledged, ascending; what is past kMostOpen is forgotten
  };
  // A connection of its own for a read that waits, given back when it is done.
  std::shared_ptr<Client> TakeBlocking();
  void GiveBlocking(std::shared_ptr<Client> client);
  using Entries = Result<std::vector<StreamEntry>>;
  Task<Entries> ReadWith(Arguments arguments, std::chrono::milliseconds wait);
  Task<Entries> ReadGroupOnce(const std::string& stream, const std::string& group, const std::string& consumer,
                              std::size_t limit, std::chrono::milliseconds wait);
  Task<Status> MakeGroup(const std::string& stream, const std::string& group, StreamId after);
  void Count(messaging::LossCause cause, const std::string& stream, std::uint64_t messages);

  Executor executor_;
  Timers& timers_;
  std::shared_ptr<Client> client_;
  ClientOptions options_;
  Keys keys_;
  messaging::LossLedger* ledger_;
  std::vector<std::shared_ptr<Client>> idle_;
  std::vector<std::weak_ptr<Client>> blocking_;
  std::map<std::pair<std::string, std::string>, Progress> groups_;
  bool closed_ = false;
};

}  // namespace tidings::redis
