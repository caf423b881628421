// A store against a plain std::map, by random operations.
#include <map>
#include <random>

#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

// What a store should hold.
class ModelStore {
 public:
  class Entry {
   public:
    std::string data;
    bool redacted = false;
  };
  std::map<std::string, std::vector<Entry>> streams;
  std::vector<std::pair<std::string, Version>> order;
};

class ModelRun {
 public:
  ModelRun(EventStore& store, unsigned seed) : store_(store), random_(seed) {}

  // One operation, for DoTogether; what it should do is done to the model now, in the same order.
  std::function<Status(Transaction&)> Next() {
    const std::string stream = "stream " + std::to_string(Pick(6));
    auto& entries = model_.streams[stream];
    if (Pick(5) == 0 && !entries.empty()) return Redact(stream, entries);
    const Version head = entries.size();
    const Version guess = Pick(3) == 0 ? Pick(static_cast<unsigned>(head) + 2) : head;
    const Expected expected = Pick(3) == 0 ? Expected::Any() : Expected::At(guess);
    std::vector<NewEvent> events;
    for (unsigned i = 0; i <= Pick(3); ++i) {
      const std::string data(Pick(300), static_cast<char>('a' + Pick(26)));
      events.push_back(Event(data, "type " + std::to_string(Pick(9))));
    }
    const bool fits = expected.Allows(head);
    for (std::size_t i = 0; fits && i < events.size(); ++i) {
      entries.push_back({events[i].data});
      model_.order.emplace_back(stream, entries.size());
    }
    return [stream, expected, events, fits](Transaction& transaction) -> Status {
      const auto appended = transaction.Append(stream, expected, events);
      EXPECT_EQ(appended.has_value(), fits);
      return Void(appended);
    };
  }

  void Compare() {
    for (const auto& [stream, entries] : model_.streams) {
      const auto events = store_.ReadStream(stream, 1, 100'000);
      ASSERT_EQ(events.has_value(), !entries.empty());
      if (!events) continue;
      ASSERT_EQ(events->size(), entries.size());
      for (std::size_t i = 0; i < entries.size(); ++i) {
        ASSERT_EQ((*events)[i].version, i + 1);
        ASSERT_EQ((*events)[i].data, entries[i].data);
        ASSERT_EQ((*events)[i].redacted, entries[i].redacted);
      }
    }
    const auto all = store_.ReadAll(0, 100'000);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), model_.order.size());
    for (std::size_t i = 0; i < all->size(); ++i) {
      ASSERT_EQ((*all)[i].version, model_.order[i].second);
      ASSERT_EQ((*all)[i].data, model_.streams[model_.order[i].first][(*all)[i].version - 1].data);
      if (i > 0) ASSERT_GT((*all)[i].position, (*all)[i - 1].position);
    }
  }

  unsigned Pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

 private:
  std::function<Status(Transaction&)> Redact(const std::string& stream, std::vector<ModelStore::Entry>& entries) {
    const Version version = Pick(static_cast<unsigned>(entries.size())) + 1;
    entries[version - 1] = {"redacted", true};
    return [stream, version](Transaction& transaction) -> Status {
      transaction.Redact(*transaction.FindStream(stream), version, "redacted");
      return {};
    };
  }

  EventStore& store_;
  std::mt19937 random_;
  ModelStore model_;
};

TEST_P(EventStoreSuite, HoldsWhatAMapWouldHold) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Open();
    // The store is another object after Reopen: the run asks the subject each time.
    class Current final : public EventStore {
     public:
      explicit Current(Subject& subject) : subject_(subject) {}
      void Submit(std::unique_ptr<Unit> unit) override { subject_.store().Submit(std::move(unit)); }
      Result<std::vector<StoredEvent>> ReadStream(std::string_view stream, Version from, std::size_t limit) override {
        return subject_.store().ReadStream(stream, from, limit);
      }
      Result<std::vector<StoredEvent>> ReadAll(Position after, std::size_t limit) override {
        return subject_.store().ReadAll(after, limit);
      }
      Position Head() const override { return subject_.store().Head(); }
      std::unique_ptr<Subscription> Subscribe(std::function<void(Position)> wake) override {
        return subject_.store().Subscribe(std::move(wake));
      }

     private:
      Subject& subject_;
    } current(subject());
    ModelRun run(current, seed);
    for (int round = 0; round < 40; ++round) {
      std::vector<std::function<Status(Transaction&)>> units;
      for (unsigned i = 0; i <= run.Pick(8); ++i) units.push_back(run.Next());
      DoTogether(units);
      if (round % 8 == 7) ASSERT_NO_FATAL_FAILURE(run.Compare());
      if (GetParam().features.persistent && run.Pick(10) == 0) {
        subject().Reopen();
        subject().Start();
      }
    }
    ASSERT_NO_FATAL_FAILURE(run.Compare());
  }
}

}  // namespace
}  // namespace tidings::eventing::testing
