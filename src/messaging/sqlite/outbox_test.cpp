#include <tidings/messaging/sqlite/outbox.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../testing/task_runner.hpp"
#include "testing/moody_transport.hpp"
#include "testing/outbox_file.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;

class SqliteOutboxTest : public ::testing::Test {
 protected:
  using Bodies = std::vector<std::string>;

  SqliteOutboxTest() { EXPECT_TRUE(runner_.Run(transport_.Declare(Topology().AddQueue("out").AddQueue("other")))); }
  ~SqliteOutboxTest() override {
    runner_.Run(outbox_.Stop());
    EXPECT_TRUE(runner_.Until([&] { return ended_ == begun_; }));
  }

  static Message Keyed(const std::string& key, const std::string& body) {
    Message message("told", body);
    message.key = key;
    return message;
  }
  static Outgoing To(const std::string& queue, Message message, PublishOptions options = PublishOptions()) {
    return Outgoing(Address::Queue(queue), std::move(message), options);
  }
  // Committed with an effect.
  Status Commit(std::vector<Outgoing> all, bool fails = false) {
    auto unit = runner_.Run(inbox_->Begin());
    auto& own = (*unit)->As<SqliteUnit>();
    for (const Outgoing& each : all) {
      if (Status taken = outbox_.Publish(own, each.to, each.message, each.options); !taken) return taken;
    }
    own.OnCommit(LedgerFile::Writes("effect"));
    if (fails) own.OnCommit([](sqlite::Database&) -> Status { return Fail(ErrorCode::kInvalid, "no stock"); });
    return runner_.Run(own.Commit());
  }
  Status Commit(const std::string& queue, Message message) {
    std::vector<Outgoing> one;
    one.push_back(To(queue, std::move(message)));
    return Commit(std::move(one));
  }
  void Run(SqliteOutbox& outbox, Transport& transport) {
    ++begun_;
    runner_.Spawn([](SqliteOutbox& running, Transport& over, int& ended) -> Task<void> {
      const Status outcome = co_await running.Run(over);
      EXPECT_TRUE(outcome) << outcome.error().message();
      ++ended;
    }(outbox, transport, ended_));
  }
  void Run() { Run(outbox_, transport_); }
  OutboxBacklog Backlog() { return runner_.Run(outbox_.Backlog()).value(); }
  bool Empty() {
    return runner_.Until([&] { return Backlog().rows == 0; });
  }
  std::vector<DeadRow> Dead() { return runner_.Run(outbox_.Dead()).value(); }

  TempFolder folder_;
  OutboxFile file_{folder_.File("shop.db")};
  TaskRunner runner_;
  SystemTimers timers_{runner_.executor()};
  LossLedger losses_;
  MoodyTransport transport_{runner_.executor(), timers_};
  std::unique_ptr<SqliteInbox> inbox_ = file_.Open(runner_.executor());
  int begun_ = 0;
  int ended_ = 0;
  SqliteOutbox outbox_{*inbox_, timers_, OutboxFile::Impatient(&losses_)};
};

TEST_F(SqliteOutboxTest, PublishesWhatACommitTellsOfAsItWasGiven) {
  Run();
  Message message = Keyed("7", std::string("a\0b", 3));
  message.headers.Set("shop", "zo\xc3\xab\n\\");
  ASSERT_TRUE(Commit("out", message));
  auto popped = runner_.Run(transport_.Pop("out", 20s));
  ASSERT_TRUE(popped && *popped);
  EXPECT_EQ((*popped)->message().id, message.id);
  EXPECT_EQ((*popped)->message().type, "told");
  EXPECT_EQ((*popped)->message().key, "7");
  EXPECT_EQ((*popped)->message().body, message.body);
  EXPECT_EQ((*popped)->message().headers.Get("shop"), "zo\xc3\xab\n\\");
  EXPECT_TRUE(Empty());
  EXPECT_EQ(outbox_.stats().forwarded, 1U);
}

TEST_F(SqliteOutboxTest, WhatIsNotCommittedIsNeverPublished) {
  Run();
  std::vector<Outgoing> all;
  all.push_back(To("out", Message("never")));
  EXPECT_FALSE(Commit(std::move(all), true));
  {
    auto dropped = runner_.Run(inbox_->Begin());
    ASSERT_TRUE(outbox_.Publish((*dropped)->As<SqliteUnit>(), Address::Queue("out"), Message("nor this")));
  }
  ASSERT_TRUE(Commit("out", Message("told")));
  ASSERT_TRUE(Empty());
  EXPECT_EQ(transport_.taken, (Bodies{"told"}));
}

// While one that polls each minute only is woken by the commit.
TEST_F(SqliteOutboxTest, ACommitWakesTheForwarder) {
  auto options = OutboxFile::Impatient();
  options.poll_every = 60s;
  SqliteOutbox patient(*inbox_, timers_, options);
  Run(patient, transport_);
  ASSERT_TRUE(runner_.Until([&] { return patient.stats().forwards; }));
  for (int i = 0; i < 20; ++i) {
    auto unit = runner_.Run(inbox_->Begin());
    ASSERT_TRUE(patient.Publish((*unit)->As<SqliteUnit>(), Address::Queue("out"), Message(std::to_string(i))));
    ASSERT_TRUE(runner_.Run((*unit)->Commit()));
    ASSERT_TRUE(runner_.Until([&] { return transport_.taken.size() == static_cast<std::size_t>(i) + 1; }));
  }
  runner_.Run(patient.Stop());
}

TEST_F(SqliteOutboxTest, KeepsTheOrderOfEachKeyWhileTheBrokerIsAway) {
  bool away = true;
  transport_.refuses = [&, tries = 0](const Message&) mutable -> std::optional<Error> {
    // It comes back for a moment now and then.
    if (away || ++tries % 7 == 3) return Error(ErrorCode::kTimeout, "unknown whether it was taken");
    return std::nullopt;
  };
  Run();
  constexpr int kMessages = 300;
  constexpr int kKeys = 5;
  for (int i = 0; i < kMessages; i += 30) {
    std::vector<Outgoing> all;
    for (int j = i; j < i + 30; ++j) all.push_back(To("out", Keyed(std::to_string(j % kKeys), std::to_string(j))));
    ASSERT_TRUE(Commit(std::move(all)));
  }
  ASSERT_TRUE(runner_.Until([&] { return outbox_.stats().failures >= 10; }));
  EXPECT_TRUE(transport_.taken.empty());
  EXPECT_EQ(Backlog().rows, 300U);
  EXPECT_TRUE(Backlog().oldest);
  EXPECT_EQ(outbox_.stats().waiting_lanes, static_cast<std::size_t>(kKeys));
  away = false;
  ASSERT_TRUE(Empty());
  ASSERT_EQ(transport_.taken.size(), static_cast<std::size_t>(kMessages));
  std::vector<int> last(kKeys, -1);
  for (const std::string& body : transport_.taken) {
    const int number = std::stoi(body);
    auto& before = last[static_cast<std::size_t>(number % kKeys)];
    EXPECT_EQ(number, before < 0 ? number % kKeys : before + kKeys);
    before = number;
  }
  EXPECT_TRUE(runner_.Until([&] { return outbox_.stats().waiting_lanes == 0; }));
}

TEST_F(SqliteOutboxTest, WhatWaitsHoldsUpItsOwnKeyAlone) {
  transport_.refuses = [](const Message& message) -> std::optional<Error> {
    if (message.key == "stuck") return Error(ErrorCode::kUnavailable, "refused: the queue is full");
    return std::nullopt;
  };
  Run();
  // More of them than a page, so that none of the others is in the first one.
  std::vector<Outgoing> all;
  for (int i = 0; i < 250; ++i) all.push_back(To("out", Keyed("stuck", "stuck")));
  for (int i = 0; i < 50; ++i) all.push_back(To("out", Keyed(i % 2 == 0 ? "a" : "", std::to_string(i))));
  ASSERT_TRUE(Commit(std::move(all)));
  ASSERT_TRUE(runner_.Until([&] { return transport_.taken.size() == 50; }));
  ASSERT_TRUE(Commit("out", Message("new")));
  ASSERT_TRUE(runner_.Until([&] { return transport_.taken.size() == 51; }));
  EXPECT_EQ(Backlog().rows, 250U);
  transport_.refuses = nullptr;
  ASSERT_TRUE(Empty());
  EXPECT_EQ(Dead().size(), 0U);
}

TEST_F(SqliteOutboxTest, WhatIsRefusedAsSuchIsDeadListedAndReplayed) {
  transport_.refuses = [](const Message& message) -> std::optional<Error> {
    if (message.body == "bad") return Error(ErrorCode::kInvalid, "no such property");
    return std::nullopt;
  };
  Run();
  const Message bad = Keyed("k", "bad");
  std::vector<Outgoing> all;
  all.push_back(To("out", Keyed("k", "1")));
  all.push_back(To("out", bad));
  all.push_back(To("out", Keyed("k", "2")));
  all.push_back(To("missing", Keyed("k", "no route")));
  all.push_back(To("missing", Message("no route either")));
  ASSERT_TRUE(Commit(std::move(all)));
  ASSERT_TRUE(Empty());
  EXPECT_EQ(transport_.taken, (Bodies{"1", "2"}));
  auto dead = Dead();
  ASSERT_EQ(dead.size(), 3U);
  EXPECT_EQ(Backlog().dead, 3U);
  EXPECT_EQ(dead[0].outgoing.message.id, bad.id);
  EXPECT_EQ(dead[0].error, "no such property");
  EXPECT_EQ(dead[0].tries, 1U);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(dead[i].tries, 3U) << "a route may come to be";
    EXPECT_EQ(dead[i].outgoing.to.routing_key(), "missing");
    EXPECT_GT(dead[i].died_at, 0);
  }
  EXPECT_EQ(runner_.Run(outbox_.Dead(dead[1].row)).value().size(), 1U);

  transport_.refuses = nullptr;
  EXPECT_EQ(runner_.Run(outbox_.Replay({dead[0].row, 4'711})).value(), 1U);
  ASSERT_TRUE(runner_.Until([&] { return transport_.taken.size() == 3; }));
  EXPECT_EQ(transport_.taken.back(), "bad");
  EXPECT_EQ(std::ranges::count(transport_.ids, bad.id), 2) << "with its id";
  ASSERT_TRUE(runner_.Run(transport_.Declare(Topology().AddQueue("missing"))));
  EXPECT_EQ(runner_.Run(outbox_.Purge({dead[2].row})).value(), 1U);
  EXPECT_EQ(losses_.Of(LossCause::kPurged), 1U);
  EXPECT_EQ(runner_.Run(outbox_.Replay()).value(), 1U);
  ASSERT_TRUE(Empty());
  EXPECT_EQ(Backlog().dead, 0U);
  EXPECT_EQ(transport_.taken.size(), 4U);
}

TEST_F(SqliteOutboxTest, StopsAndStartsAndLosesNothing) {
  int committed = 0;
  for (int round = 0; round < 8; ++round) {
    Run();
    for (int i = 0; i < 25; ++i) {
      ASSERT_TRUE(Commit("out", Keyed("k", std::to_string(committed))));
      ++committed;
    }
    runner_.Run(outbox_.Stop());
    EXPECT_FALSE(outbox_.stats().forwards);
  }
  Run();
  ASSERT_TRUE(Empty());
  Bodies all;
  for (int i = 0; i < committed; ++i) all.push_back(std::to_string(i));
  EXPECT_EQ(transport_.taken, all) << "a Stop waits for what is under way, and so nothing comes twice";
}

TEST_F(SqliteOutboxTest, OneOfTwoForwardsAndTheOtherTakesOver) {
  const auto elsewhere = file_.Open(runner_.executor());
  SqliteOutbox second(*elsewhere, timers_, OutboxFile::Impatient());
  MoodyTransport its(runner_.executor(), timers_);
  ASSERT_TRUE(runner_.Run(its.Declare(Topology().AddQueue("out"))));
  Run();
  ASSERT_TRUE(runner_.Until([&] { return outbox_.stats().forwards; }));
  Run(second, its);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Commit("out", Message(std::to_string(i))));
  ASSERT_TRUE(Empty());
  EXPECT_FALSE(second.stats().forwards);
  EXPECT_TRUE(its.taken.empty());
  EXPECT_EQ(transport_.taken.size(), 50U);
  runner_.Run(outbox_.Stop());
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Commit("out", Message(std::to_string(i))));
  ASSERT_TRUE(Empty());
  EXPECT_TRUE(second.stats().forwards);
  EXPECT_EQ(its.taken.size(), 50U);
  EXPECT_EQ(transport_.taken.size(), 50U);
  runner_.Run(second.Stop());
}

TEST_F(SqliteOutboxTest, ASecondRunIsAConflict) {
  Run();
  ASSERT_TRUE(runner_.Until([&] { return outbox_.stats().forwards; }));
  const Status again = runner_.Run(outbox_.Run(transport_));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kConflict);
  ASSERT_TRUE(Commit("out", Message("a")));
  EXPECT_TRUE(Empty()) << "the first goes on";
}

TEST_F(SqliteOutboxTest, RefusesWhatIsTooMuch) {
  auto options = OutboxFile::Impatient();
  options.most_rows = 3;
  options.most_body = 10;
  SqliteOutbox small(*inbox_, timers_, options);
  const auto publish = [&](const std::string& body) -> Status {
    auto unit = runner_.Run(inbox_->Begin());
    (*unit)->As<SqliteUnit>().OnCommit(LedgerFile::Writes(body));
    if (Status taken = small.Publish((*unit)->As<SqliteUnit>(), Address::Queue("out"), Message(body)); !taken) {
      return taken;
    }
    return runner_.Run((*unit)->Commit());
  };
  EXPECT_EQ(publish("12345678901").error().code(), ErrorCode::kTooLarge);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(publish(std::to_string(i)));
  const Status full = publish("3");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(file_.ledger().Words(), (Bodies{"0", "1", "2"})) << "the effect is refused with it";
  auto unit = runner_.Run(inbox_->Begin());
  EXPECT_FALSE(small.Publish((*unit)->As<SqliteUnit>(), Address::Queue(""), Message("to nowhere")));
}

TEST_F(SqliteOutboxTest, WhatExpiresHereIsCounted) {
  transport_.refuses = [](const Message&) { return Error(ErrorCode::kUnavailable, "away"); };
  Run();
  PublishOptions options;
  options.ttl = 30ms;
  std::vector<Outgoing> all;
  all.push_back(To("out", Message("old news"), options));
  ASSERT_TRUE(Commit(std::move(all)));
  ASSERT_TRUE(Empty());
  EXPECT_EQ(losses_.Of(LossCause::kExpired), 1U);
  EXPECT_EQ(outbox_.stats().expired, 1U);
  EXPECT_TRUE(transport_.taken.empty());
}

TEST_F(SqliteOutboxTest, AnEffectMayDecideWhatIsPublished) {
  Run();
  for (int i = 0; i < 3; ++i) {
    auto unit = runner_.Run(inbox_->Begin());
    (*unit)->As<SqliteUnit>().OnCommit([](sqlite::Database& database) -> Status {
      const auto next = database.Number("SELECT count(*) FROM words") + 1;
      sqlite::Statement(database, "INSERT INTO words (word) VALUES (?)").Execute(std::to_string(next));
      return SqliteOutbox::PublishIn(database, To("out", Keyed("k", std::to_string(next))), 1'000);
    });
    ASSERT_TRUE(runner_.Run((*unit)->Commit()));
    outbox_.Wake();
  }
  ASSERT_TRUE(Empty());
  EXPECT_EQ(transport_.taken, (Bodies{"1", "2", "3"}));
}

TEST_F(SqliteOutboxTest, RefusesTheTablesOfANewerVersion) {
  sqlite::Database other(folder_.File("newer.db"), sqlite::Database::Mode::kWriter);
  ASSERT_TRUE(SqliteOutbox::MakeTables(other));
  ASSERT_TRUE(SqliteOutbox::MakeTables(other));
  other.Execute("UPDATE tidings_outbox_state SET version = 2");
  const Status refused = SqliteOutbox::MakeTables(other);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("newer version"), std::string::npos) << refused.error().message();
}

TEST_F(SqliteOutboxTest, SaysThatItsTablesAreMissing) {
  LedgerFile bare(folder_.File("bare.db"));
  const auto inbox = bare.Open(runner_.executor());
  SqliteOutbox outbox(*inbox, timers_, OutboxFile::Impatient());
  const Status ended = runner_.Run(outbox.Run(transport_));
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message().find("tidings_outbox"), std::string::npos) << ended.error().message();
}

// Effect, record and what is published are one commit; a message that comes again publishes nothing again.
TEST_F(SqliteOutboxTest, AHandlersEffectItsRecordAndWhatItPublishesAreOne) {
  ASSERT_TRUE(runner_.Run(transport_.Declare(Topology().AddQueue("in"))));
  Router router(transport_, timers_);
  router.Subscribe("in", Idempotent(*inbox_), [&](Context& context) -> Task<Status> {
    auto& unit = context.unit()->As<SqliteUnit>();
    unit.OnCommit(LedgerFile::Writes(context.message().body));
    // Before the commit, a try that fails publishes nothing.
    Status published = outbox_.Publish(unit, Address::Queue("out"), context.Follow("done", context.message().body));
    if (published && context.attempt() == 1) co_return Fail(ErrorCode::kUnavailable, "after it was published");
    co_return published;
  });
  ASSERT_TRUE(runner_.Run(router.Start()));
  Run();
  const Message message("pay", "10");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(runner_.Run(transport_.Publish(Address::Queue("in"), message, {})));
  ASSERT_TRUE(runner_.Until([&] { return router.stats().done == 4; }));
  ASSERT_TRUE(Empty());
  runner_.Run(router.Stop());
  EXPECT_EQ(file_.ledger().Words(), (Bodies{"10"}));
  auto popped = runner_.Run(transport_.Pop("out", 0ms));
  ASSERT_TRUE(popped && *popped);
  EXPECT_EQ((*popped)->message().headers.Get(header::kCausationId), message.id);
  EXPECT_FALSE(*runner_.Run(transport_.Pop("out", 0ms))) << "once";
}

}  // namespace
}  // namespace tidings::messaging::testing
