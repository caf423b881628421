// FileStreams and FilePubSub: the ports over StreamRows and NoticeRows.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/streams.hpp>

#include "core.hpp"

namespace tidings::messaging::embedded {

class FileStreams final : public Streams {
 public:
  explicit FileStreams(std::shared_ptr<Core> core) : core_(std::move(core)) {}

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
  using Entries = Result<std::vector<StreamEntry>>;
  using Reading = std::function<Entries(Desk&)>;
  Task<Entries> WaitFor(Reading read, std::chrono::milliseconds wait);

  std::shared_ptr<Core> core_;
};

class FilePubSub final : public PubSub {
 public:
  explicit FilePubSub(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  Task<Result<std::size_t>> Publish(std::string topic, Message message) override;
  Task<Result<std::unique_ptr<Subscription>>> Subscribe(std::vector<std::string> topics) override;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace tidings::messaging::embedded
