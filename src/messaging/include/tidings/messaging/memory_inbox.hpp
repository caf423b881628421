// MemoryInbox: an Inbox that lasts as long as the process, for tests and for effects that last no longer either.
//
//   context.unit()->As<MemoryUnit>().OnCommit([&] { ++balance; });
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/inbox.hpp>

namespace tidings::messaging {

class MemoryInbox final : public Inbox {
 public:
  MemoryInbox();
  Task<Result<std::unique_ptr<InboxUnit>>> Begin() override;
  Task<Result<std::uint64_t>> Forget(Millis before) override;
  std::size_t size() const;

 private:
  friend class MemoryUnit;
  using Key = std::pair<std::string, std::string>;  // message, consumer
  class Records {
   public:
    std::map<Key, Millis> done;
    std::set<Key> open;
  };
  std::shared_ptr<Records> records_;
};

class MemoryUnit final : public InboxUnit {
 public:
  explicit MemoryUnit(std::shared_ptr<MemoryInbox::Records> records) : records_(std::move(records)) {}
  ~MemoryUnit() override;
  // The effect: called when the unit commits, in the order in which they were given.
  void OnCommit(std::function<void()> effect) { effects_.push_back(std::move(effect)); }

  Task<Result<Recorded>> Record(std::string message_id, std::string consumer, Millis now) override;
  Task<Status> Commit() override;

 private:
  std::shared_ptr<MemoryInbox::Records> records_;
  std::map<MemoryInbox::Key, Millis> own_;
  std::vector<std::function<void()>> effects_;
};

}  // namespace tidings::messaging
