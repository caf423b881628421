// MemoryEventStore: an EventStore that forgets when it goes, for tests and for what need not last.
#pragma once

#include <functional>
#include <memory>

#include <tidings/base/clock.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::eventing {

class MemoryEventStore final : public EventStore {
 public:
  class Options {
   public:
    // The system's clock if null. REQUIRES: outlives the store.
    const Clock* clock = nullptr;
    std::size_t queue = 16'384;  // units that wait
    std::size_t batch = 1'024;   // units in a commit
  };

  MemoryEventStore() : MemoryEventStore(Options{}) {}
  explicit MemoryEventStore(const Options& options);
  ~MemoryEventStore() override;

  // Takes part in every commit, in the order of adding. REQUIRES: before Start; the listener outlives the store.
  void AddListener(CommitListener& listener);
  // Starts the writer. Units that were submitted before wait for it.
  void Start();
  // Takes no more units and runs those that wait. Done by the destructor too.
  void Close();

  void Submit(std::unique_ptr<Unit> unit) override;
  Result<std::vector<StoredEvent>> ReadStream(std::string_view stream, Version from, std::size_t limit) override;
  Result<std::vector<StoredEvent>> ReadAll(Position after, std::size_t limit) override;
  Position Head() const override;
  std::unique_ptr<Subscription> Subscribe(std::function<void(Position head)> wake) override;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::eventing
