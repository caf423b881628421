#include <tidings/messaging/sqlite/inbox.hpp>

#include <algorithm>
#include <stdexcept>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../testing/inbox_suite.hpp"
#include "testing/ledger_file.hpp"

namespace tidings::messaging::testing {
namespace {

using Strings = std::vector<std::string>;

class OnAFile final : public InboxEnvironment {
 public:
  Inbox& Open(Executor executor) override {
    inbox_.reset();
    inbox_ = ledger_.Open(std::move(executor));
    return *inbox_;
  }
  bool reopens() const override { return true; }
  void Write(InboxUnit& unit, const std::string& word) override {
    unit.As<SqliteUnit>().OnCommit(LedgerFile::Writes(word));
  }
  std::vector<std::string> Words() override { return ledger_.Words(); }

 private:
  TempFolder folder_;
  LedgerFile ledger_{folder_.File("shop.db")};
  std::unique_ptr<SqliteInbox> inbox_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, InboxSuite,
                         ::testing::Values(InboxCase("Sqlite", [] { return std::make_unique<OnAFile>(); })),
                         InboxCaseName);

class SqliteInboxTest : public ::testing::Test {
 protected:
  // A unit that recorded the message.
  std::unique_ptr<InboxUnit> Unit(SqliteInbox& inbox, const std::string& id, Millis now = 1'000) {
    auto unit = runner_.Run(inbox.Begin());
    const auto recorded = runner_.Run((*unit)->Record(id, "consumer", now));
    EXPECT_TRUE(recorded && *recorded == Recorded::kFirst) << id;
    return *std::move(unit);
  }
  Status Commit(InboxUnit& unit) { return runner_.Run(unit.Commit()); }
  std::unique_ptr<SqliteInbox> Open() { return ledger_.Open(runner_.executor()); }

  TempFolder folder_;
  LedgerFile ledger_{folder_.File("shop.db")};
  TaskRunner runner_;
};

TEST_F(SqliteInboxTest, AnEffectThatFailsUndoesItsUnitAndNoOther) {
  const auto inbox = Open();
  std::vector<std::unique_ptr<InboxUnit>> units;
  std::map<std::string, Status> outcomes;
  for (const std::string id : {"good", "refuses", "throws", "constraint", "fine"}) {
    units.push_back(Unit(*inbox, id));
    auto& unit = units.back()->As<SqliteUnit>();
    unit.OnCommit(LedgerFile::Writes(id));
    unit.OnCommit([id](sqlite::Database& database) -> Status {
      if (id == "refuses") return Fail(ErrorCode::kInvalid, "no stock");
      if (id == "throws") throw std::runtime_error("a defect");
      if (id == "constraint") sqlite::Statement(database, "INSERT INTO words VALUES (1, NULL)").Execute();
      return {};
    });
    runner_.Spawn([](InboxUnit& committing, Status& outcome) -> Task<void> {
      outcome = co_await committing.Commit();
    }(unit, outcomes[id] = Fail(ErrorCode::kTimeout, "not yet")));
  }
  ASSERT_TRUE(runner_.Until([&] {
    return std::ranges::none_of(outcomes, [](const auto& entry) {
      return !entry.second && entry.second.error().code() == ErrorCode::kTimeout;
    });
  }));
  EXPECT_TRUE(outcomes["good"]);
  EXPECT_TRUE(outcomes["fine"]);
  EXPECT_EQ(outcomes["refuses"].error().code(), ErrorCode::kInvalid);
  EXPECT_NE(outcomes["throws"].error().message().find("a defect"), std::string::npos);
  EXPECT_NE(outcomes["constraint"].error().message().find("NOT NULL"), std::string::npos);
  EXPECT_EQ(ledger_.Words(), (Strings{"good", "fine"}));
  EXPECT_EQ(ledger_.Records(), (Strings{"fine", "good"}));
  units.clear();
  EXPECT_TRUE(Unit(*inbox, "refuses")) << "it may be tried again";
}

TEST_F(SqliteInboxTest, AnEffectReadsAndDecides) {
  const auto inbox = Open();
  for (int i = 0; i < 3; ++i) {
    const auto unit = Unit(*inbox, std::to_string(i));
    unit->As<SqliteUnit>().OnCommit([](sqlite::Database& database) -> Status {
      const auto next = database.Number("SELECT count(*) FROM words") + 1;
      sqlite::Statement(database, "INSERT INTO words (word) VALUES (?)").Execute(std::to_string(next));
      return {};
    });
    EXPECT_TRUE(Commit(*unit));
  }
  EXPECT_EQ(ledger_.Words(), (Strings{"1", "2", "3"}));
}

TEST_F(SqliteInboxTest, UnitsShareATransaction) {
  const auto inbox = Open();
  int committed = 0;
  for (int i = 0; i < 300; ++i) {
    runner_.Spawn([](SqliteInbox& in, int number, int& count) -> Task<void> {
      auto unit = co_await in.Begin();
      (void)co_await (*unit)->Record(std::to_string(number), "consumer", 1'000);
      if (co_await (*unit)->Commit()) ++count;
    }(*inbox, i, committed));
  }
  ASSERT_TRUE(runner_.Until([&] { return committed == 300; }));
  EXPECT_LT(inbox->commits(), 150U);
}

// As two processes: what one is handling the other does not know.
TEST_F(SqliteInboxTest, TheSecondOfTwoOnAFileConflictsAndChangesNothing) {
  const auto one = Open();
  const auto two = Open();
  const auto first = Unit(*one, "a");
  const auto second = Unit(*two, "a");
  first->As<SqliteUnit>().OnCommit(LedgerFile::Writes("one"));
  second->As<SqliteUnit>().OnCommit(LedgerFile::Writes("two"));
  EXPECT_TRUE(Commit(*first));
  const Status conflict = Commit(*second);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(ledger_.Words(), (Strings{"one"}));
  const auto third = runner_.Run(two->Begin());
  EXPECT_EQ(runner_.Run((*third)->Record("a", "consumer", 1'000)).value(), Recorded::kBefore);
}

TEST_F(SqliteInboxTest, KeepsRecordsForTheirTimeAndRemovesThemByAndBy) {
  auto options = ledger_.Options();
  options.keep = std::chrono::milliseconds(10'000);
  const auto inbox = ledger_.Open(runner_.executor(), options);
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(Commit(*Unit(*inbox, "old" + std::to_string(i), 1'000 + i)));
  EXPECT_EQ(ledger_.Records().size(), 40U);
  EXPECT_TRUE(Commit(*Unit(*inbox, "in time", 11'000)));
  EXPECT_EQ(ledger_.Records().size(), 41U) << "10 s are not over";
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Commit(*Unit(*inbox, "new" + std::to_string(i), 20'000)));
  EXPECT_EQ(ledger_.Records().size(), 40U + 1 + 10 - 20) << "two for each";
  for (int i = 10; i < 30; ++i) EXPECT_TRUE(Commit(*Unit(*inbox, "new" + std::to_string(i), 20'000)));
  EXPECT_EQ(ledger_.Records().size(), 31U);
}

TEST_F(SqliteInboxTest, ForgetsMoreThanATransactionHolds) {
  const auto inbox = Open();
  for (int unit = 0; unit < 3; ++unit) {
    auto many = runner_.Run(inbox->Begin());
    for (int i = 0; i < 900; ++i) {
      (void)runner_.Run((*many)->Record(std::to_string(unit * 900 + i), "consumer", 1'000));
    }
    EXPECT_TRUE(Commit(**many));
  }
  EXPECT_EQ(runner_.Run(inbox->Forget(1'001)).value(), 2'700U);
  EXPECT_TRUE(ledger_.Records().empty());
}

TEST_F(SqliteInboxTest, WhoHasATransactionOfHisOwnRecordsInIt) {
  const auto inbox = Open();
  sqlite::Database own(ledger_.file(), sqlite::Database::Mode::kWriter);
  own.Execute("BEGIN IMMEDIATE");
  EXPECT_EQ(SqliteInbox::RecordIn(own, "a", "consumer", 1'000), Recorded::kFirst);
  EXPECT_EQ(SqliteInbox::RecordIn(own, "a", "consumer", 1'000), Recorded::kBefore);
  own.Execute("ROLLBACK; BEGIN IMMEDIATE");
  EXPECT_EQ(SqliteInbox::RecordIn(own, "a", "consumer", 1'000), Recorded::kFirst);
  own.Execute("COMMIT");
  const auto unit = runner_.Run(inbox->Begin());
  EXPECT_EQ(runner_.Run((*unit)->Record("a", "consumer", 1'000)).value(), Recorded::kBefore);
}

TEST_F(SqliteInboxTest, SaysWhatIsWrongWithAFile) {
  auto options = ledger_.Options();
  options.file = "/proc/nowhere/shop.db";
  auto refused = SqliteInbox::Open(runner_.executor(), options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("/proc/nowhere"), std::string::npos) << refused.error().message();
  options = ledger_.Options();
  options.prepare = [](sqlite::Database&) -> Status { return Fail(ErrorCode::kInternal, "a newer version's file"); };
  refused = SqliteInbox::Open(runner_.executor(), options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("a newer version's file"), std::string::npos);
  EXPECT_TRUE(Open()) << "nothing was left behind";
}

TEST_F(SqliteInboxTest, UnitsMayOutliveTheInbox) {
  auto inbox = Open();
  const auto unit = Unit(*inbox, "a");
  unit->As<SqliteUnit>().OnCommit(LedgerFile::Writes("a"));
  inbox.reset();
  const Status late = Commit(*unit);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(ledger_.Words().empty());
}

TEST_F(SqliteInboxTest, ARoutersRepeatsChangeNothing) {
  const auto inbox = Open();
  SystemTimers timers(runner_.executor());
  MemoryTransport transport(runner_.executor(), timers);
  ASSERT_TRUE(runner_.Run(transport.Declare(Topology().AddQueue("payments"))));
  Router router(transport, timers);
  const Idempotent once(*inbox);
  router.Subscribe("payments", once, [](Context& context) -> Task<Status> {
    context.unit()->As<SqliteUnit>().OnCommit(LedgerFile::Writes(context.message().body));
    // The first try fails after it did its work.
    if (context.attempt() == 1) co_return Fail(ErrorCode::kUnavailable, "after the effect");
    co_return Status();
  });
  ASSERT_TRUE(runner_.Run(router.Start()));
  const Message message("pay", "10");
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(runner_.Run(transport.Publish(Address::Queue("payments"), message, PublishOptions())));
  ASSERT_TRUE(runner_.Until([&] { return router.stats().done == 5; }));
  runner_.Run(router.Stop());
  EXPECT_EQ(ledger_.Words(), (Strings{"10"}));
  EXPECT_EQ(once.repeats(), 4U);
}

}  // namespace
}  // namespace tidings::messaging::testing
