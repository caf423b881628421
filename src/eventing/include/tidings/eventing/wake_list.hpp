// WakeList: those who are told of a new head, for implementations of EventStore.
#pragma once

#include <functional>
#include <memory>

#include <tidings/eventing/event_store.hpp>

namespace tidings::eventing {

// Thread-safe. Subscriptions may outlive it.
class WakeList {
 public:
  WakeList();
  ~WakeList();
  WakeList(const WakeList&) = delete;
  WakeList& operator=(const WakeList&) = delete;

  // Calls `wake` once with `head` on this thread before it returns, and from then on by Wake.
  std::unique_ptr<EventStore::Subscription> Add(std::function<void(Position head)> wake,
                                                const std::function<Position()>& head);
  // Calls each subscriber.
  void Wake(Position head);

 private:
  class State;
  class Entry;
  class Handle;
  std::shared_ptr<State> state_;
};

}  // namespace tidings::eventing
