// RabbitStreams: RabbitMQ's own streams, and groups that are logs of their consumers' steps (group_state.hpp). What is declared
// and what an id is: docs/rabbitmq.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/streams.hpp>

#include "declarer.hpp"
#include "link.hpp"
#include "parked_readers.hpp"
#include "publisher.hpp"
#include "stream_group.hpp"
#include "stream_reader.hpp"
#include "stream_tail.hpp"

namespace tidings::messaging::rabbitmq {

class RabbitStreams final : public Streams, public std::enable_shared_from_this<RabbitStreams> {
 public:
  RabbitStreams(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
                std::shared_ptr<Publisher> publisher, const RabbitOptions& options);

  Task<Result<StreamId>> Append(std::string stream, Message message) override;
  Task<Result<StreamId>> Tail(std::string stream) override;
  Task<Result<std::vector<StreamEntry>>> Read(std::string stream, StreamId after, std::size_t limit,
                                              std::chrono::milliseconds wait) override;
  // The length is that of the ids' range.
  Task<Result<StreamStats>> Stats(std::string stream) override;
  // kUnavailable: the broker alone trims.
  Task<Result<std::uint64_t>> Trim(std::string stream, TrimPolicy policy) override;
  Task<Status> CreateGroup(std::string stream, std::string group, StreamId after) override;
  Task<Result<std::vector<StreamEntry>>> ReadGroup(std::string stream, std::string group, std::string consumer,
                                                   std::size_t limit, std::chrono::milliseconds wait) override;
  Task<Result<std::uint64_t>> Acknowledge(std::string stream, std::string group, std::vector<StreamId> ids) override;
  Task<Result<std::vector<StreamEntry>>> Claim(std::string stream, std::string group, std::string consumer,
                                               std::chrono::milliseconds idle, std::size_t limit) override;
  Task<Result<GroupStats>> Group(std::string stream, std::string group) override;

  // Waits up to `timeout` for what was appended and is not found yet.
  Task<void> Finish(std::chrono::milliseconds timeout);
  // Ends everything that waits.
  void Close();

 private:
  // Entries in a row, as they were read.
  class Page {
   public:
    std::vector<StreamItem> items;
    std::uint64_t missing = 0;  // cut off between the place that was asked for and the first of them
    bool beyond = false;        // nothing, for the stream ends before that place
  };
  // What to do where a stream ends before the place that is asked for.
  enum class Beyond { kWait, kTell };

  Status CheckUse(std::string_view stream) const;
  Task<Result<std::shared_ptr<StreamReader>>> Open(std::string stream, std::optional<std::uint64_t> from,
                                                   std::uint16_t prefetch);
  Task<Status> Declare(std::string queue, QueueArguments arguments);
  // Offset of the newest entry; nothing where there is none. kNotFound: there is no stream.
  Task<Result<std::optional<std::uint64_t>>> NewestOf(std::string queue);
  Task<Result<std::optional<std::uint64_t>>> OldestOf(std::string queue);
  Task<Result<std::shared_ptr<StreamTail>>> TailOf(std::string stream);
  // Whether the stream ends there or later. Nothing: it holds no entry, which tells nothing.
  Task<Result<std::optional<bool>>> Reaches(std::string stream, std::uint64_t from);
  Task<Result<Page>> Fetch(std::string stream, std::uint64_t from, std::size_t limit, std::chrono::milliseconds wait,
                           Beyond beyond = Beyond::kWait);

  Task<Result<std::shared_ptr<StreamGroup>>> GroupOf(std::string stream, std::string group);
  Task<Result<GroupOutcome>> Do(std::string stream, std::string group, GroupStep step);
  Task<Status> MakeGroup(std::string stream, std::string group, std::uint64_t after);
  // Of a stream that ends before it, so was made anew.
  Task<Status> RestartGroup(std::string stream, std::string group, std::uint64_t after);
  Task<Result<std::vector<StreamEntry>>> FetchEach(std::string stream, std::string group, GroupOutcome outcome);

  Executor executor_;
  Timers& timers_;
  LossLedger& ledger_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Publisher> publisher_;
  RabbitOptions options_;
  bool closed_ = false;
  std::map<std::string, std::shared_ptr<StreamTail>, std::less<>> tails_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<StreamGroup>> groups_;
  // Where groups stood that this process worked in, should the broker lose them.
  std::map<std::pair<std::string, std::string>, std::uint64_t> resume_;
  ParkedReaders parked_;
  std::vector<std::weak_ptr<StreamReader>> readers_;  // all that there are
  Signal made_;                                       // a stream was made here
};

}  // namespace tidings::messaging::rabbitmq
