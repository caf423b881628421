// TurnStore: the store as the loop's thread sees it. What a turn of the loop submits goes to the writer together, so that
// messages which came in together share a commit, a broadcast and its writes.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/net/event_loop.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

namespace tidings::app {

// Other threads' units pass at once.
class TurnStore final : public eventing::EventStore {
 public:
  // REQUIRES: both outlive it, and Finish is called before the store closes.
  TurnStore(net::EventLoop& loop, sqlite::SqliteEventStore& store) : loop_(loop), store_(store) {}

  void Submit(std::unique_ptr<eventing::Unit> unit) override {
    if (!loop_.InLoopThread() || finished_) return store_.Submit(std::move(unit));
    gathered_.push_back(std::move(unit));
    if (gathered_.size() >= kAtOnce) return Flush();
    if (!std::exchange(posted_, true)) {
      loop_.Post([this] {
        posted_ = false;
        Flush();
      });
    }
  }
  // From now on nothing is gathered. Once no turn will come.
  void Finish() {
    finished_ = true;
    Flush();
  }

  Result<std::vector<eventing::StoredEvent>> ReadStream(std::string_view stream, eventing::Version from,
                                                        std::size_t limit) override {
    return store_.ReadStream(stream, from, limit);
  }
  Result<std::vector<eventing::StoredEvent>> ReadAll(eventing::Position after, std::size_t limit) override {
    return store_.ReadAll(after, limit);
  }
  eventing::Position Head() const override { return store_.Head(); }
  std::unique_ptr<Subscription> Subscribe(std::function<void(eventing::Position head)> wake) override {
    return store_.Subscribe(std::move(wake));
  }

 private:
  // While the loop reads on, the writer has something to do.
  static constexpr std::size_t kAtOnce = 32;

  void Flush() {
    if (!gathered_.empty()) store_.Submit(std::exchange(gathered_, {}));
  }

  net::EventLoop& loop_;
  sqlite::SqliteEventStore& store_;
  std::vector<std::unique_ptr<eventing::Unit>> gathered_;
  bool posted_ = false;
  bool finished_ = false;
};

}  // namespace tidings::app
