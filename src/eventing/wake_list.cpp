#include <tidings/eventing/wake_list.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

#include <tidings/base/guarded.hpp>

namespace tidings::eventing {

// Recursive, so that a subscriber may drop itself from inside its call.
class WakeList::Entry {
 public:
  explicit Entry(std::function<void(Position)> wake) : wake_(std::move(wake)) {}

  void Call(Position head) {
    const std::lock_guard lock(mutex_);
    if (alive_) wake_(head);
  }
  void End() {
    const std::lock_guard lock(mutex_);
    alive_ = false;
  }

 private:
  std::recursive_mutex mutex_;
  bool alive_ = true;
  std::function<void(Position)> wake_;
};

class WakeList::State {
 public:
  using Entries = std::vector<std::shared_ptr<Entry>>;
  // Replaced as a whole, so that Wake walks over it without the lock.
  Guarded<std::shared_ptr<const Entries>> entries{std::in_place, std::make_shared<Entries>()};
};

class WakeList::Handle final : public EventStore::Subscription {
 public:
  Handle(std::shared_ptr<State> state, std::shared_ptr<Entry> entry)
      : state_(std::move(state)), entry_(std::move(entry)) {}

  ~Handle() override {
    {
      auto entries = state_->entries.Lock();
      auto rest = std::make_shared<State::Entries>(**entries);
      std::erase(*rest, entry_);
      *entries = std::move(rest);
    }
    entry_->End();
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Entry> entry_;
};

WakeList::WakeList() : state_(std::make_shared<State>()) {}
WakeList::~WakeList() = default;

std::unique_ptr<EventStore::Subscription> WakeList::Add(std::function<void(Position head)> wake,
                                                        const std::function<Position()>& head) {
  auto entry = std::make_shared<Entry>(std::move(wake));
  {
    auto entries = state_->entries.Lock();
    auto more = std::make_shared<State::Entries>(**entries);
    more->push_back(entry);
    *entries = std::move(more);
  }
  // The head is read after the entry is in the list: a commit in between calls it itself.
  auto handle = std::make_unique<Handle>(state_, entry);
  entry->Call(head());
  return handle;
}

void WakeList::Wake(Position head) {
  const std::shared_ptr<const State::Entries> entries = *state_->entries.Lock();
  for (const auto& entry : *entries) entry->Call(head);
}

}  // namespace tidings::eventing
