// MemoryInbox: an Inbox that lasts as long as the process, for tests and for effects that last no longer either.
//
//   context.unit()->As<MemoryUnit>().OnCommit([&] { ++balance; });
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/numbered_inbox.hpp>

namespace tidings::messaging {

class MemoryInbox final : public NumberedInbox {
 public:
  MemoryInbox();
  Task<Result<std::unique_ptr<InboxUnit>>> Begin() override;
  Task<Result<std::uint64_t>> Forget(Millis before) override;
  Task<Result<std::optional<std::uint64_t>>> Position(std::string consumer, std::string sequence) override;
  std::size_t size() const;

 private:
  friend class MemoryUnit;
  using Key = std::pair<std::string, std::string>;  // message, or sequence, and consumer
  class Place {
   public:
    std::uint64_t number = 0;
    Millis at = 0;
    void Raise(const Place& to) {
      number = std::max(number, to.number);
      at = std::max(at, to.at);
    }
  };
  class Records {
   public:
    std::map<Key, Millis> done;
    std::set<Key> open;
    std::map<Key, Place> places;
  };
  std::shared_ptr<Records> records_;
};

class MemoryUnit final : public NumberedUnit {
 public:
  explicit MemoryUnit(std::shared_ptr<MemoryInbox::Records> records) : records_(std::move(records)) {}
  ~MemoryUnit() override;
  // The effect: called when the unit commits, in the order in which they were given.
  void OnCommit(std::function<void()> effect) { effects_.push_back(std::move(effect)); }

  Task<Result<Recorded>> Record(std::string message_id, std::string consumer, Millis now) override;
  void Advance(std::string consumer, std::string sequence, std::uint64_t number, Millis now) override;
  Task<Status> Commit() override;

 private:
  std::shared_ptr<MemoryInbox::Records> records_;
  std::map<MemoryInbox::Key, Millis> own_;
  std::map<MemoryInbox::Key, MemoryInbox::Place> places_;
  std::vector<std::function<void()>> effects_;
};

}  // namespace tidings::messaging
