// Queues as cursors over the log: what they hand out, where they begin, and what is left of them after an end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidings/app/log_transport.hpp>
#include <tidings/app/queue_message.hpp>
#include <tidings/base/json.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/dead_letters.hpp>

#include "../../messaging/testing/task_runner.hpp"
#include "testing/chat_store.hpp"

namespace tidings::app {
namespace {

using messaging::ConsumeOptions;
using messaging::Delivery;
using messaging::ExchangeKind;
using messaging::Message;
using messaging::Topology;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LogCursorTest : public ::testing::Test {
 protected:
  LogCursorTest() : timers_(runner_.executor()) {
    store_.Room("room");
    Start();
  }

  void Start(QueueStart start = QueueStart::kHead) {
    LogBrokerOptions options;
    options.window = 16;
    // Saved when it is told to only.
    options.save_every = std::chrono::hours(1);
    broker_ = std::make_unique<LogBroker>(runner_.executor(), timers_, ledger_,
                                          LogSources(store_.store(), store_.reads(), store_.engine()), options);
    subscription_ = store_.store().Subscribe([broker = broker_.get()](eventing::Position) { broker->Wake(); });
    Must(runner_.Run(broker_->Open()));
    transport_ = std::make_unique<LogTransport>(*broker_, start);
  }
  // As an end in good order does it.
  void Restart(QueueStart start = QueueStart::kHead) {
    transport_.reset();
    Must(runner_.Run(broker_->Close()));
    Kill(start);
  }
  // As kill -9 does it: what was not saved is gone.
  void Kill(QueueStart start = QueueStart::kHead) {
    subscription_.reset();
    transport_.reset();
    broker_.reset();
    store_.Close();
    store_.Open();
    Start(start);
  }
  void Save() {
    // Whatever is published waits until all is saved that was noted before.
    Topology topology;
    topology.AddQueue("saved");
    Must(runner_.Run(transport_->Declare(topology)));
    Message message("saved");
    Must(runner_.Run(transport_->Publish(messaging::Address::Queue("saved"), std::move(message))));
  }

  static void Must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message());
  }
  template <class T>
  static T Must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
  }
  void Bind(const std::string& queue, const std::string& pattern = "message.created") {
    Topology topology;
    topology.AddExchange(std::string(kEventsExchange), ExchangeKind::kTopic)
        .AddQueue(queue)
        .Bind(std::string(kEventsExchange), queue, pattern);
    Must(runner_.Run(transport_->Declare(topology)));
  }
  std::optional<Delivery> Pop(const std::string& queue) {
    return Must(runner_.Run(transport_->Pop(queue, milliseconds(0))));
  }
  // Acknowledges all that is there.
  std::vector<std::string> Drain(const std::string& queue) {
    std::vector<std::string> texts;
    while (auto delivery = Pop(queue)) {
      texts.push_back(TextOf(delivery->message()));
      Must(runner_.Run(delivery->Ack()));
    }
    return texts;
  }
  static std::string TextOf(const Message& message) {
    const json::object body = json::Parse(message.body)->get_object();
    if (const auto* text = body.if_contains("text"); text != nullptr && text->is_string()) {
      return std::string(text->get_string());
    }
    return message.type;
  }
  void Say(int from, int to) {
    for (int i = from; i <= to; ++i) store_.Say("room", std::to_string(i));
  }
  std::uint64_t Ready(const std::string& queue) { return Must(runner_.Run(transport_->Stats(queue))).ready; }

  messaging::testing::TaskRunner runner_;
  messaging::SystemTimers timers_;
  messaging::LossLedger ledger_;
  testing::ChatStore store_;
  std::unique_ptr<LogBroker> broker_;
  std::unique_ptr<LogTransport> transport_;
  std::unique_ptr<eventing::EventStore::Subscription> subscription_;
};

TEST_F(LogCursorTest, HandsOutWhatTheRelayWouldPublish) {
  Bind("all", "#");
  store_.Say("room", "hello");
  auto delivery = Pop("all");
  ASSERT_TRUE(delivery);
  std::optional<Message> expected;
  sqlite::Database database(store_.path() + "/tidings.db", sqlite::Database::Mode::kReader);
  sqlite::SqliteReader reader(database);
  for (const chat::LogEvent& event : reader.Log(0, 100)) {
    if (event.event.type == kMessageCreated) {
      expected = QueueMessage(event, chat::QuotesOf(reader, event.event.stream), "/tidings");
    }
  }
  ASSERT_TRUE(expected);
  EXPECT_EQ(delivery->message(), *expected);
  EXPECT_EQ(delivery->message().key, "room");
  EXPECT_EQ(delivery->message().headers.Get("seq"), "2");
}

TEST_F(LogCursorTest, AnEventBearsTheTraceOfItsOwnCallThroughRestartAndDeletion) {
  Bind("all", "message.*");
  chat::Caller traced = store_.ann();
  const auto trace = [](char digit) { return "00-" + std::string(32, digit) + "-00f067aa0ba902b7-01"; };
  const auto id = [](const std::string& message) {
    return std::string(json::Parse(message)->get_object().at("_id").get_string());
  };
  const auto change = [&](char digit, const auto& ask) {
    traced.trace_parent = digit == '0' ? "" : trace(digit);
    return store_.Wait<std::string>([&](auto done) { ask(std::move(done)); });
  };
  const std::string first = id(change('1', [&](auto done) {
    chat::SendDraft draft;
    draft.room = "room";
    draft.text = "traced";
    store_.engine().Send(traced, std::move(draft), std::move(done));
  }));
  change('2', [&](auto done) { store_.engine().Edit(traced, "room", first, "again", std::move(done)); });
  change('0', [&](auto done) { store_.engine().React(traced, "room", first, "x", false, std::move(done)); });
  const std::string last =
      change('3', [&](auto done) { store_.engine().Delete(traced, "room", first, std::move(done)); });
  EXPECT_EQ(last.find("00f067aa0ba902b7"), std::string::npos) << "clients do not see it";
  Restart();
  std::vector<std::string> traces;
  while (auto delivery = Pop("all")) {
    traces.emplace_back(delivery->message().headers.Get(messaging::header::kTraceParent));
    EXPECT_EQ(delivery->message().body.find("00f067aa0ba902b7"), std::string::npos);
    Must(runner_.Run(delivery->Ack()));
  }
  EXPECT_THAT(traces, ElementsAre(trace('1'), trace('2'), "", trace('3')));
}

TEST_F(LogCursorTest, BeginsAtTheHeadOrAtTheBeginning) {
  Say(1, 3);
  Bind("late");
  EXPECT_EQ(Ready("late"), 0U);
  Restart(QueueStart::kBeginning);
  Bind("early");
  EXPECT_EQ(Ready("early"), 3U);
  Say(4, 5);
  EXPECT_THAT(Drain("late"), ElementsAre("4", "5"));
  EXPECT_THAT(Drain("early"), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(LogCursorTest, BeginsWhereTheLogStoodAsTheBrokerWasMade) {
  Say(1, 3);
  Restart(QueueStart::kOpening);
  Say(4, 5);
  Bind("worker");
  EXPECT_THAT(Drain("worker"), ElementsAre("4", "5"));
}

TEST_F(LogCursorTest, RoutesByTheTypesOfEvents) {
  Bind("rooms", "room.*");
  Bind("created", "*.created");
  Bind("all", "#");
  Bind("none", "member");
  store_.Room("second");
  store_.Say("second", "hello");
  EXPECT_THAT(Drain("rooms"), ElementsAre("room.created"));
  EXPECT_THAT(Drain("created"), ElementsAre("room.created", "hello"));
  EXPECT_THAT(Drain("all"), ElementsAre("room.created", "hello"));
  EXPECT_THAT(Drain("none"), ElementsAre());
}

TEST_F(LogCursorTest, AConsumerIsToldOfWhatIsCommitted) {
  Bind("live");
  const auto consumer = Must(runner_.Run(transport_->Consume("live", ConsumeOptions(4))));
  for (int i = 1; i <= 40; ++i) {
    store_.Say("room", std::to_string(i));
    Delivery delivery = Must(runner_.Run(consumer->Next()));
    EXPECT_EQ(TextOf(delivery.message()), std::to_string(i));
    Must(runner_.Run(delivery.Ack()));
  }
}

TEST_F(LogCursorTest, ABacklogLongerThanItsWindowComesInOrderAndIsCounted) {
  Bind("long");
  Say(1, 100);
  EXPECT_EQ(Ready("long"), 100U);
  const auto consumer = Must(runner_.Run(transport_->Consume("long", ConsumeOptions(8))));
  for (int i = 1; i <= 100; ++i) {
    Delivery delivery = Must(runner_.Run(consumer->Next()));
    EXPECT_EQ(TextOf(delivery.message()), std::to_string(i));
    Must(runner_.Run(delivery.Ack()));
    if (i == 50) EXPECT_EQ(Ready("long"), 50U);
  }
  EXPECT_EQ(Ready("long"), 0U);
}

TEST_F(LogCursorTest, WhatWasSavedIsNotHandedOutAgain) {
  Bind("jobs");
  Say(1, 30);
  std::vector<Delivery> held;
  const auto consumer = Must(runner_.Run(transport_->Consume("jobs", ConsumeOptions(10))));
  for (int i = 1; i <= 10; ++i) held.push_back(Must(runner_.Run(consumer->Next())));
  // Out of order: 3 and 7 stay.
  for (const int i : {10, 1, 9, 2, 8, 4, 6, 5}) Must(runner_.Run(held[static_cast<std::size_t>(i - 1)].Ack()));
  Save();
  held.clear();
  Kill();
  EXPECT_EQ(Ready("jobs"), 22U);
  auto third = Pop("jobs");
  EXPECT_EQ(TextOf(third->message()), "3");
  EXPECT_EQ(third->deliveries(), 2U);
  auto seventh = Pop("jobs");
  EXPECT_EQ(TextOf(seventh->message()), "7");
  EXPECT_EQ(TextOf(Pop("jobs")->message()), "11");
}

TEST_F(LogCursorTest, KilledItHandsOutAgainOnlyWhatWasNotSaved) {
  Bind("jobs");
  Say(1, 20);
  for (int i = 1; i <= 5; ++i) Must(runner_.Run(Pop("jobs")->Ack()));
  Save();
  for (int i = 6; i <= 9; ++i) Must(runner_.Run(Pop("jobs")->Ack()));
  Kill();
  EXPECT_EQ(TextOf(Pop("jobs")->message()), "6");
  Restart();
  EXPECT_EQ(Drain("jobs").size(), 15U);
}

TEST_F(LogCursorTest, ARetryKeepsItsPlaceItsCountAndItsTime) {
  Bind("jobs");
  Say(1, 3);
  auto first = Pop("jobs");
  Must(runner_.Run(first->Retry("broken", milliseconds(0), timers_.Now())));
  auto later = Pop("jobs");
  EXPECT_EQ(TextOf(later->message()), "1") << "its place is before the others";
  Must(runner_.Run(later->Retry("broken again", std::chrono::hours(1), timers_.Now())));
  Restart();
  EXPECT_EQ(Must(runner_.Run(transport_->Stats("jobs"))).delayed, 1U);
  EXPECT_THAT(Drain("jobs"), ElementsAre("2", "3"));
  Restart();
  EXPECT_EQ(Must(runner_.Run(transport_->Stats("jobs"))).delayed, 1U);
  EXPECT_EQ(Ready("jobs"), 0U);
}

TEST_F(LogCursorTest, ADeadLetterIsAReferenceThatOutlastsARestart) {
  Bind("jobs");
  Say(1, 2);
  Must(runner_.Run(Pop("jobs")->Bury(messaging::DeathReason::kRejected, "no such thing", timers_.Now())));
  Restart();
  {
    sqlite::Database database(store_.path() + "/tidings.db", sqlite::Database::Mode::kReader);
    EXPECT_EQ(database.Number("SELECT count(*) FROM queue_entries WHERE source > 0 AND message IS NULL"), 1);
    EXPECT_EQ(database.Number("SELECT count(*) FROM queue_entries"), 1);
  }
  auto dead = Pop("jobs.dead");
  ASSERT_TRUE(dead);
  EXPECT_EQ(TextOf(dead->message()), "1");
  EXPECT_EQ(dead->message().headers.Get(messaging::header::kDeathError), "no such thing");
  EXPECT_EQ(dead->message().headers.Get(messaging::header::kDeathQueue), "jobs");
  EXPECT_EQ(dead->message().headers.Get("cloudEvents:subject"), "room");
  Must(runner_.Run(dead->Nack()));
  EXPECT_THAT(Drain("jobs"), ElementsAre("2"));
}

TEST_F(LogCursorTest, WhatWasDeletedIsNotServedOutOfTheDeadLetters) {
  Bind("jobs");
  const json::object said = json::Parse(store_.Say("room", "a secret"))->get_object();
  Must(runner_.Run(Pop("jobs")->Bury(messaging::DeathReason::kFailed, "broken", timers_.Now())));
  Restart();
  store_.Wait<std::string>([&](auto done) {
    store_.engine().Delete(store_.ann(), "room", std::string(said.at("_id").get_string()), std::move(done));
  });
  auto dead = Pop("jobs.dead");
  ASSERT_TRUE(dead);
  EXPECT_THAT(dead->message().body, Not(HasSubstr("a secret")));
}

TEST_F(LogCursorTest, AReplayedLetterComesBackEditedAndWithItsId) {
  Bind("jobs");
  Say(1, 1);
  auto delivery = Pop("jobs");
  const std::string id = delivery->message().id;
  Must(runner_.Run(delivery->Bury(messaging::DeathReason::kFailed, "broken", timers_.Now())));
  messaging::DeadLetters dead(*transport_, timers_);
  Must(runner_.Run(dead.Edit("jobs", id, [](Message& message) { message.body = R"({"text":"mended"})"; })));
  Restart();
  messaging::DeadLetters again(*transport_, timers_);
  EXPECT_EQ(Must(runner_.Run(again.Replay("jobs"))).replayed, 1U);
  Restart();
  auto replayed = Pop("jobs");
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->message().id, id);
  EXPECT_EQ(replayed->attempt(), 1U);
  EXPECT_EQ(TextOf(replayed->message()), "mended");
}

TEST_F(LogCursorTest, AReplayGoesBehindWhatTheLogHolds) {
  Bind("jobs");
  Say(1, 1);
  Must(runner_.Run(Pop("jobs")->Bury(messaging::DeathReason::kFailed, "broken", timers_.Now())));
  Say(2, 40);
  messaging::DeadLetters dead(*transport_, timers_);
  EXPECT_EQ(Must(runner_.Run(dead.Replay("jobs"))).replayed, 1U);
  Say(41, 42);
  const auto texts = Drain("jobs");
  ASSERT_EQ(texts.size(), 42U);
  EXPECT_EQ(texts[38], "40");
  EXPECT_EQ(texts[39], "1");
  EXPECT_EQ(texts[41], "42");
}

TEST_F(LogCursorTest, PurgeMovesItOnToTheHead) {
  Bind("jobs");
  Say(1, 50);
  auto held = Pop("jobs");
  EXPECT_EQ(Must(runner_.Run(transport_->Purge("jobs"))), 49U);
  EXPECT_EQ(ledger_.Of(messaging::LossCause::kPurged), 49U);
  Must(runner_.Run(held->Nack()));
  Kill();
  Say(51, 51);
  EXPECT_THAT(Drain("jobs"), ElementsAre("1", "51"));
}

TEST_F(LogCursorTest, TheLogIsPublishedToByTheChatAlone) {
  Bind("jobs");
  Message message("message.created", "{}");
  const auto refused = runner_.Run(transport_->Publish(
      messaging::Address::Exchange(std::string(kEventsExchange), "message.created"), std::move(message)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
}

TEST_F(LogCursorTest, WhatKillsTheServerEndsAmongTheDeadLetters) {
  messaging::QueueOptions options;
  options.delivery_limit = 2;
  Topology topology;
  topology.AddExchange(std::string(kEventsExchange), ExchangeKind::kTopic)
      .AddQueue("poison", options)
      .Bind(std::string(kEventsExchange), "poison", "message.created");
  Must(runner_.Run(transport_->Declare(topology)));
  Say(1, 1);
  int handed_out = 0;
  while (handed_out < 10) {
    auto delivery = Pop("poison");
    if (!delivery) break;
    ++handed_out;
    Save();
    // It dies with the delivery in hand.
    delivery.reset();
    Kill();
  }
  EXPECT_EQ(handed_out, 3);
  EXPECT_EQ(Ready("poison.dead"), 1U);
}

}  // namespace
}  // namespace tidings::app
