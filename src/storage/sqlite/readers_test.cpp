#include <tidings/storage/sqlite/readers.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

TEST(Readers, ATransactionThatSqliteHasEndedIsNoFailureOfItsOwn) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  EXPECT_NO_THROW(store->readers().ReadNow([](Database& database) { database.Rollback(); }));
  EXPECT_EQ(store->ReadAll(0, 10)->size(), 1U);
}

TEST(Readers, SeeOneStateFromBeginningToEnd) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  store->readers().ReadNow([&](Database& database) {
    EXPECT_EQ(database.Number("SELECT count(*) FROM events"), 1);
    EXPECT_TRUE(Append(*store, "room", "2"));
    EXPECT_EQ(database.Number("SELECT count(*) FROM events"), 1);
  });
  store->readers().ReadNow([&](Database& database) { EXPECT_EQ(database.Number("SELECT count(*) FROM events"), 2); });
}

class Counter {
 public:
  explicit Counter(Database& database) : one(database, "SELECT 1") { ++made; }
  Statement one;
  static std::atomic<int> made;
};
std::atomic<int> Counter::made{0};

TEST(Readers, KeepASlotForEachConnection) {
  const TempFolder folder;
  Counter::made = 0;
  auto options = In(folder);
  options.readers.threads = 2;
  const auto store = Started(options);
  std::atomic<int> done{0};
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(store->readers().Read([&](Database& database) {
      EXPECT_EQ(database.Slot<Counter>().one.Number(), 1);
      ++done;
    }));
  }
  while (done < 200) std::this_thread::yield();
  EXPECT_GE(Counter::made, 1);
  EXPECT_LE(Counter::made, 2);
}

TEST(Readers, TurnAwayWhatIsPastTheirQueue) {
  const TempFolder folder;
  auto options = In(folder);
  options.readers.threads = 1;
  options.readers.queue = 2;
  const auto store = Started(options);
  std::promise<void> entered;
  std::promise<void> open;
  std::atomic<int> ran{0};
  ASSERT_TRUE(store->readers().Read([&](Database&) {
    entered.set_value();
    open.get_future().wait();
  }));
  entered.get_future().wait();
  EXPECT_TRUE(store->readers().Read([&](Database&) { ++ran; }));
  EXPECT_TRUE(store->readers().Read([&](Database&) { ++ran; }));
  EXPECT_FALSE(store->readers().Read([&](Database&) { ++ran; }));
  EXPECT_EQ(store->readers().waiting(), 2U);
  open.set_value();
  while (ran < 2) std::this_thread::yield();
}

TEST(Readers, GoOnAfterAFailure) {
  const TempFolder folder;
  auto options = In(folder);
  options.readers.threads = 1;
  options.readers.callers = 1;
  const auto store = Started(options);
  std::promise<void> fine;
  ASSERT_TRUE(store->readers().Read([](Database& database) { database.Execute("SELECT * FROM nothing"); }));
  ASSERT_TRUE(store->readers().Read([&](Database&) { fine.set_value(); }));
  fine.get_future().wait();
  EXPECT_THROW(store->readers().ReadNow([](Database& database) { database.Execute("SELECT * FROM nothing"); }),
               SqliteFailure);
  store->readers().ReadNow([](Database& database) { EXPECT_FALSE(database.Number("SELECT 0")); });
}

TEST(Readers, RefuseAfterTheClose) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  store->Close();
  EXPECT_FALSE(store->readers().Read([](Database&) {}));
  EXPECT_THROW(store->readers().ReadNow([](Database&) {}), eventing::StoreFailure);
  EXPECT_EQ(store->ReadAll(0, 1).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(store->ReadStream("room", 1, 1).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(store->CheckIntegrity().error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(store->Head(), 1U);
}

}  // namespace
}  // namespace tidings::sqlite::testing
