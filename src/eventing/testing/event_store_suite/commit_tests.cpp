// Commits: what shares one, what a failure takes with it, and who is told when.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

TEST_P(EventStoreSuite, UnitsThatWaitShareACommit) {
  Open({}, false);
  std::atomic<int> commits{0};
  TestListener listener;
  listener.after = [&](bool wrote) { commits += wrote; };
  subject().AddListener(listener);
  subject().Start();
  std::vector<std::function<Status(Transaction&)>> runs;
  for (int i = 0; i < 50; ++i) runs.push_back(Appending("room", std::to_string(i)));
  for (const Status& outcome : DoTogether(runs)) EXPECT_TRUE(outcome);
  EXPECT_EQ(commits, 1);
  EXPECT_EQ(Data("room").size(), 50U);
  subject().Close();
}

TEST_P(EventStoreSuite, ACommitTakesABoundedBatch) {
  Setting setting;
  setting.batch = 4;
  Open(setting, false);
  std::atomic<int> commits{0};
  TestListener listener;
  listener.after = [&](bool wrote) { commits += wrote; };
  subject().AddListener(listener);
  subject().Start();
  std::vector<std::function<Status(Transaction&)>> runs;
  for (int i = 0; i < 10; ++i) runs.push_back(Appending("room", std::to_string(i)));
  for (const Status& outcome : DoTogether(runs)) EXPECT_TRUE(outcome);
  subject().Close();
  EXPECT_EQ(commits, 3);
}

TEST_P(EventStoreSuite, ARefusedUnitDoesNotTouchItsBatch) {
  const auto outcomes = DoTogether({
      Appending("room", "1"),
      Appending("room", "no", Expected::NoStream()),
      [](Transaction&) -> Status { return Fail(ErrorCode::kForbidden, "not you"); },
      Appending("room", "2"),
  });
  EXPECT_TRUE(outcomes[0]);
  EXPECT_EQ(outcomes[1].error().code(), ErrorCode::kConflict);
  EXPECT_EQ(outcomes[2].error().code(), ErrorCode::kForbidden);
  EXPECT_TRUE(outcomes[3]);
  EXPECT_EQ(Data("room"), (std::vector<std::string>{"1", "2"}));
}

TEST_P(EventStoreSuite, TellsInOrderListenersThenUnitsThenSubscribers) {
  Open({}, false);
  Journal journal;
  TestListener listener;
  listener.before = [&](Transaction& transaction) {
    if (transaction.Head() > 0) journal.Add("before");
  };
  listener.after = [&](bool wrote) {
    if (!wrote) return;
    journal.Add("after, " + std::to_string(store().ReadAll(0, 10)->size()) + " are seen");
  };
  subject().AddListener(listener);
  const auto subscription = store().Subscribe([&](Position head) {
    if (head > 0) journal.Add("wake at " + std::to_string(head));
  });
  std::promise<void> last;
  for (const char* name : {"1", "2", "3"}) {
    store().Submit(std::make_unique<TestUnit>(Appending("room", name), [&, name](const Status& outcome) {
      journal.Add(std::string("done ") + name + (outcome ? "" : " refused"));
    }));
  }
  subject().Start();
  subject().Close();
  EXPECT_EQ(journal.Take(),
            (std::vector<std::string>{"before", "after, 3 are seen", "done 1", "done 2", "done 3", "wake at 3"}));
}

TEST_P(EventStoreSuite, AListenerWritesIntoTheCommit) {
  Open({}, false);
  TestListener listener;
  listener.before = [&](Transaction& transaction) {
    const NewEvent event = Event("by the listener");
    if (transaction.FindStream("room")) (void)transaction.Append("beside", Expected::Any(), {&event, 1});
  };
  subject().AddListener(listener);
  subject().Start();
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1"})));
  EXPECT_EQ(store().Head(), 2U);
  EXPECT_EQ(Data("beside").size(), 1U);
  subject().Close();
}

TEST_P(EventStoreSuite, ACommitThatOnlyReadIsNoneForSubscribers) {
  Open({}, false);
  Journal journal;
  TestListener listener;
  listener.after = [&](bool wrote) { journal.Add(wrote ? "wrote" : "read"); };
  subject().AddListener(listener);
  subject().Start();
  const auto subscription = store().Subscribe([&](Position) { journal.Add("wake"); });
  EXPECT_EQ(journal.Take(), (std::vector<std::string>{"wake"}));
  EXPECT_TRUE(Do([](Transaction& transaction) -> Status {
    transaction.FindStream("room");
    return {};
  }));
  EXPECT_FALSE(Do(Appending("room", "no", Expected::At(7))));
  subject().Close();
  EXPECT_EQ(journal.Take(), (std::vector<std::string>{"read", "read"}));
}

TEST_P(EventStoreSuite, AFailureOfTheStoreRefusesTheWholeBatch) {
  Open({}, false);
  std::atomic<int> rollbacks{0};
  TestListener listener;
  listener.rolled_back = [&] { ++rollbacks; };
  subject().AddListener(listener);
  subject().Start();
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1", "2"})));
  const auto stream = store().ReadAll(0, 1)->at(0).stream;
  const auto outcomes = DoTogether({
      Appending("room", "no"),
      Appending("new room", "no"),
      [&](Transaction& transaction) -> Status {
        transaction.Redact(stream, 1, "no");
        throw StoreFailure(Error(ErrorCode::kStorageFull, "no room"));
      },
      Appending("room", "no"),
  });
  for (const Status& outcome : outcomes) EXPECT_EQ(outcome.error().code(), ErrorCode::kStorageFull);
  EXPECT_EQ(rollbacks, 1);
  EXPECT_EQ(store().Head(), 2U);
  EXPECT_EQ(store().ReadStream("new room", 1, 1).error().code(), ErrorCode::kNotFound);
  // Nothing of it is left in what the store remembers.
  ASSERT_TRUE(Do([](Transaction& transaction) -> Status {
    EXPECT_EQ(transaction.Head(), 2U);
    EXPECT_FALSE(transaction.FindStream("new room"));
    EXPECT_EQ(transaction.StreamHead(*transaction.FindStream("room")), 2U);
    return {};
  }));
  ASSERT_TRUE(store().AppendAndWait("room", Expected::At(2), {Event("3", "a new type")}));
  ASSERT_TRUE(store().AppendAndWait("new room", Expected::NoStream(), Events({"4"})));
  EXPECT_EQ(Data("room"), (std::vector<std::string>{"1", "2", "3"}));
  subject().Close();
}

TEST_P(EventStoreSuite, ADefectOfAUnitRefusesTheWholeBatch) {
  for (const bool throws : {true, false}) {
    const auto outcomes = DoTogether({
        Appending("room", "no"),
        [&](Transaction& transaction) -> Status {
          const NewEvent event = Event("half");
          if (auto done = transaction.Append("room", Expected::Any(), {&event, 1}); !done) return Void(done);
          if (throws) throw std::runtime_error("a defect");
          return Fail(ErrorCode::kInvalid, "although it wrote");
        },
    });
    for (const Status& outcome : outcomes) EXPECT_EQ(outcome.error().code(), ErrorCode::kInternal);
    EXPECT_EQ(store().Head(), 0U);
  }
  EXPECT_TRUE(store().AppendAndWait("room", Expected::NoStream(), Events({"1"})));
}

TEST_P(EventStoreSuite, ASubscriberIsWokenUntilItEnds) {
  std::atomic<Position> seen{0};
  std::atomic<int> calls{0};
  auto subscription = store().Subscribe([&](Position head) {
    seen = head;
    ++calls;
  });
  EXPECT_EQ(calls, 1) << "at once";
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1", "2"})));
  ASSERT_TRUE(Do([](Transaction&) -> Status { return {}; }));  // after the wake of the commit before
  EXPECT_EQ(seen, store().Head());
  subscription.reset();
  const int before = calls;
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"3"})));
  ASSERT_TRUE(Do([](Transaction&) -> Status { return {}; }));
  EXPECT_EQ(calls, before);
}

TEST_P(EventStoreSuite, ASubscriberMayDropItself) {
  std::unique_ptr<EventStore::Subscription> subscription;
  std::atomic<int> calls{0};
  std::promise<void> dropped;
  subscription = store().Subscribe([&](Position head) {
    ++calls;
    if (head == 0) return;
    subscription.reset();
    dropped.set_value();
  });
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"1"})));
  dropped.get_future().wait();
  ASSERT_TRUE(store().AppendAndWait("room", Expected::Any(), Events({"2"})));
  ASSERT_TRUE(Do([](Transaction&) -> Status { return {}; }));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace tidings::eventing::testing
