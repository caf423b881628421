#include <tidings/messaging/sqlite/transport.hpp>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/pub_sub.hpp>
#include <tidings/messaging/streams.hpp>

#include "testing/queues.hpp"

namespace tidings::messaging::testing {
namespace {

using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

// What must be done within a time says nothing where the machine was too slow: then it is tried again with a longer one, on
// another queue. `attempt` returns whether it was in time.
void InTime(const std::function<bool(milliseconds)>& attempt) {
  for (milliseconds time(40); time < milliseconds(20'000); time *= 2) {
    if (attempt(time) || ::testing::Test::HasFailure()) return;
  }
  FAIL() << "the machine is too slow to tell";
}

TEST(SqliteTransport, KeepsAMessageAsItIsOverARestart) {
  Queues queues;
  Message message = Message::WithId("id-1", "order.created", std::string("a\0b", 3));
  message.key = "7";
  message.headers.Set("binary", std::string("\xff\x00\n\\x41:", 8));
  message.headers.Set("empty", "");
  message.headers.Set("name:odd", "ü ✓");
  {
    const auto transport = queues.Open();
    queues.Declare(*transport, "jobs");
    EXPECT_TRUE(queues.Run(transport->Publish(Address::Queue("jobs"), message)));
  }
  const auto transport = queues.Open();
  auto delivery = queues.Pop(*transport, "jobs");
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message(), message);
  EXPECT_EQ(delivery->deliveries(), 1U);
  EXPECT_TRUE(queues.Run(delivery->Ack()));
  EXPECT_FALSE(queues.Pop(*transport, "jobs"));
}

TEST(SqliteTransport, HandsOutInOrderAndAgainWhatComesBack) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  for (const char* body : {"a", "b", "c", "d"}) EXPECT_EQ(queues.Publish(*transport, "jobs", body), std::nullopt);
  auto first = queues.Pop(*transport, "jobs");
  auto second = queues.Pop(*transport, "jobs");
  auto third = queues.Pop(*transport, "jobs");
  ASSERT_TRUE(first && second && third);
  EXPECT_TRUE(queues.Run(second->Nack()));
  EXPECT_TRUE(queues.Run(first->Retry("no luck", milliseconds(0), 0)));
  EXPECT_TRUE(queues.Run(third->Ack()));
  EXPECT_EQ(queues.Stats(*transport, "jobs").ready, 3U);
  auto again = queues.Pop(*transport, "jobs");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message().body, "a");
  EXPECT_EQ(again->attempt(), 2U);
  EXPECT_EQ(again->deliveries(), 2U);
  EXPECT_TRUE(queues.Run(again->Ack()));
  EXPECT_EQ(queues.Drain(*transport, "jobs"), (Strings{"b", "d"}));
}

TEST(SqliteTransport, LeasesRangesAndSettlesAnyOrder) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  queues.Declare(*transport, "other");
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(queues.Publish(*transport, i % 2 == 0 ? "jobs" : "other", std::to_string(i)), std::nullopt);
  }
  auto consumer = queues.Run(transport->Consume("jobs", ConsumeOptions(20)));
  ASSERT_TRUE(consumer);
  std::vector<Delivery> deliveries;
  for (int i = 0; i < 20; ++i) {
    auto next = queues.Run((*consumer)->Next());
    ASSERT_TRUE(next);
    EXPECT_EQ(next->message().body, std::to_string(2 * i));
    deliveries.push_back(*std::move(next));
  }
  for (const int place : {3, 1, 2, 19, 0, 10})
    EXPECT_TRUE(queues.Run(deliveries[static_cast<std::size_t>(place)].Ack()));
  EXPECT_TRUE(queues.Run(deliveries[7].Nack()));
  EXPECT_TRUE(queues.Run(deliveries[12].Bury(DeathReason::kRejected, "bad", 0)));
  auto again = queues.Run((*consumer)->Next());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message().body, "14");
  EXPECT_TRUE(queues.Run(again->Ack()));
  deliveries.clear();
  queues.Run((*consumer)->Stop());
  Strings expected;
  for (const int place : {4, 5, 6, 8, 9, 11, 13, 14, 15, 16, 17, 18}) expected.push_back(std::to_string(2 * place));
  EXPECT_EQ(queues.Drain(*transport, "jobs"), expected);
  EXPECT_EQ(queues.Drain(*transport, "jobs.dead"), (Strings{"24"}));
  EXPECT_EQ(queues.Stats(*transport, "other").ready, 20U);
}

TEST(SqliteTransport, ADelayEndsInTimeAndNotBefore) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  PublishOptions options;
  options.delay = milliseconds(60);
  const auto start = queues.timers().Steady();
  EXPECT_EQ(queues.Publish(*transport, "jobs", "late", options), std::nullopt);
  auto delivery = queues.Pop(*transport, "jobs", milliseconds(10'000));
  ASSERT_TRUE(delivery);
  EXPECT_GE(queues.timers().Steady() - start, 60);
  EXPECT_TRUE(queues.Run(delivery->Retry("again", milliseconds(30), 0)));
  delivery = queues.Pop(*transport, "jobs", milliseconds(10'000));
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->attempt(), 2U);
  EXPECT_TRUE(queues.Run(delivery->Ack()));
}

TEST(SqliteTransport, ALeaseThatEndsHandsOutAgainAndTheOldDeliveryIsNotOurs) {
  Queues queues;
  const auto transport = queues.Open();
  InTime([&](milliseconds lease) {
    const std::string queue = "jobs" + std::to_string(lease.count());
    queues.Declare(*transport, queue);
    EXPECT_EQ(queues.Publish(*transport, queue, "slow"), std::nullopt);
    ConsumeOptions options(4);
    options.lease = lease;
    auto consumer = queues.Run(transport->Consume(queue, options));
    const auto begin = queues.timers().Steady();
    auto first = queues.Run((*consumer)->Next());
    const bool extended = queues.Run(first->Extend());
    if (queues.timers().Steady() - begin >= lease.count()) return false;
    EXPECT_TRUE(extended);
    auto second = queues.Run((*consumer)->Next());
    EXPECT_EQ(second->deliveries(), 2U);
    EXPECT_FALSE(queues.Run(first->Extend()));
    EXPECT_EQ(queues.Run(first->Ack()).error().code(), ErrorCode::kConflict);
    return true;
  });
}

TEST(SqliteTransport, AConsumerWhoseHandlerHangsKeepsNothingFromOthers) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  for (const char* body : {"a", "b", "c", "d"}) EXPECT_EQ(queues.Publish(*transport, "jobs", body), std::nullopt);
  ConsumeOptions options(3);
  options.lease = milliseconds(100);
  auto hung = queues.Run(transport->Consume("jobs", options));
  ASSERT_TRUE(hung);
  auto late = queues.Run((*hung)->Next());
  ASSERT_TRUE(late);
  Strings others;
  EXPECT_TRUE(queues.runner().Until([&] {
    for (const std::string& body : queues.Drain(*transport, "jobs")) others.push_back(body);
    return others.size() == 4;
  }));
  std::ranges::sort(others);
  EXPECT_EQ(others, (Strings{"a", "b", "c", "d"}));
  // Nothing is sent to it before it asks again.
  EXPECT_EQ(queues.Publish(*transport, "jobs", "e"), std::nullopt);
  EXPECT_EQ(queues.Stats(*transport, "jobs").ready, 1U);
  auto next = queues.Run((*hung)->Next());
  ASSERT_TRUE(next);
  EXPECT_EQ(next->message().body, "e");
}

TEST(SqliteTransport, TwoOnOneFileShareAQueueAndWakeEachOther) {
  Queues queues;
  const auto one = queues.Open();
  const auto two = queues.Open();
  queues.Declare(*one, "jobs");
  auto consumer = queues.Run(two->Consume("jobs", ConsumeOptions(1)));
  ASSERT_TRUE(consumer);
  EXPECT_EQ(queues.Publish(*one, "jobs", "a"), std::nullopt);
  EXPECT_EQ(queues.Publish(*one, "jobs", "b"), std::nullopt);
  auto delivery = queues.Run((*consumer)->Next());
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "a");
  EXPECT_EQ(queues.Drain(*one, "jobs"), (Strings{"b"}));
  EXPECT_TRUE(queues.Run(delivery->Ack()));
  EXPECT_EQ(queues.Stats(*one, "jobs").consumers, 1U);
  EXPECT_EQ(queues.Stats(*one, "jobs").ready + queues.Stats(*one, "jobs").unsettled, 0U);
}

TEST(SqliteTransport, AFullQueueRefusesAndATtlEnds) {
  Queues queues;
  const auto transport = queues.Open();
  InTime([&](milliseconds ttl) {
    const std::string queue = "jobs" + std::to_string(ttl.count());
    QueueOptions options;
    options.max_length = 2;
    options.message_ttl = ttl;
    queues.Declare(*transport, queue, options);
    const auto begin = queues.timers().Steady();
    EXPECT_EQ(queues.Publish(*transport, queue, "a"), std::nullopt);
    EXPECT_EQ(queues.Publish(*transport, queue, "b"), std::nullopt);
    const auto third = queues.Publish(*transport, queue, "c");
    if (queues.timers().Steady() - begin >= ttl.count()) return false;
    EXPECT_EQ(third, ErrorCode::kUnavailable);
    EXPECT_TRUE(queues.runner().Until([&] { return queues.Stats(*transport, queue + ".dead").ready == 2; }));
    auto dead = queues.Pop(*transport, queue + ".dead");
    EXPECT_EQ(dead->message().headers.Get(header::kDeathReason), "expired");
    return true;
  });
}

TEST(SqliteTransport, NoticesReachSubscribersOfOtherTransports) {
  Queues queues;
  const auto one = queues.Open();
  const auto two = queues.Open();
  auto here = queues.Run(one->pub_sub()->Subscribe({"news"}));
  auto there = queues.Run(two->pub_sub()->Subscribe({"news", "more"}));
  ASSERT_TRUE(here && there);
  EXPECT_EQ(queues.Run(one->pub_sub()->Publish("news", Message("a"))).value(), 2U);
  EXPECT_EQ(queues.Run(one->pub_sub()->Publish("other", Message("b"))).value(), 0U);
  EXPECT_EQ(queues.Run(one->pub_sub()->Publish("more", Message("c"))).value(), 1U);
  EXPECT_EQ(queues.Run((*here)->Next())->message().body, "a");
  EXPECT_EQ(queues.Run((*there)->Next())->message().body, "a");
  EXPECT_EQ(queues.Run((*there)->Next())->message().body, "c");
  EXPECT_EQ(queues.ledger().Of(LossCause::kUnrouted), 1U);
}

TEST(SqliteTransport, StreamsKeepWhatGroupsAreOwed) {
  Queues queues;
  const auto transport = queues.Open();
  Streams& streams = *transport->streams();
  EXPECT_TRUE(queues.Run(streams.CreateGroup("log", "readers", StreamId())));
  std::vector<StreamId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(queues.Run(streams.Append("log", Message(std::to_string(i)))).value());
  const auto read = queues.Run(streams.ReadGroup("log", "readers", "one", 3, milliseconds(0)));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ(queues.Run(streams.Acknowledge("log", "readers", {ids[0]})).value(), 1U);
  EXPECT_EQ(queues.Run(streams.Trim("log", TrimPolicy::KeepNewest(1))).value(), 1U);
  const auto claimed = queues.Run(streams.Claim("log", "readers", "two", milliseconds(0), 10));
  ASSERT_TRUE(claimed);
  ASSERT_EQ(claimed->size(), 2U);
  EXPECT_EQ((*claimed)[0].deliveries, 2U);
  EXPECT_EQ(queues.Run(streams.Trim("log", TrimPolicy::KeepNewest(1).Force())).value(), 4U);
  EXPECT_EQ(queues.ledger().Of(LossCause::kTrimmed), 4U);
  EXPECT_EQ(queues.Run(streams.Group("log", "readers"))->pending, 0U);
  EXPECT_EQ(queues.Run(streams.Stats("log"))->last, ids[5]);
  EXPECT_EQ(queues.Run(streams.Tail("log")).value(), ids[5]);
}

TEST(SqliteTransport, AFileOfAnotherProgramOrOfANewerVersionIsRefused) {
  Queues queues;
  queues.Open().reset();
  {
    sqlite::Database database(queues.file(), sqlite::Database::Mode::kWriter);
    database.Execute("PRAGMA user_version = 99");
  }
  auto opened = queues.TryOpen(queues.Options());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message().find("newer version"), std::string::npos) << opened.error().message();
  {
    sqlite::Database database(queues.file(), sqlite::Database::Mode::kWriter);
    database.Execute("PRAGMA application_id = 1");
  }
  opened = queues.TryOpen(queues.Options());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message().find("another program"), std::string::npos) << opened.error().message();
}

TEST(SqliteTransport, TheFileIsForItsUserAlone) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  EXPECT_EQ(queues.Publish(*transport, "jobs", "a"), std::nullopt);
  namespace fs = std::filesystem;
  const auto others = fs::perms::group_all | fs::perms::others_all;
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(queues.file()).parent_path())) {
    EXPECT_EQ(entry.status().permissions() & others, fs::perms::none) << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 3U);  // the file, its log, the lock
}

TEST(SqliteTransport, AFileOfVersion1IsTakenOver) {
  Queues queues;
  {
    const auto transport = queues.Open();
    queues.Declare(*transport, "jobs");
    EXPECT_EQ(queues.Publish(*transport, "jobs", "a"), std::nullopt);
  }
  {
    sqlite::Database database(queues.file(), sqlite::Database::Mode::kWriter);
    database.Execute("ALTER TABLE queues DROP COLUMN single_active; PRAGMA user_version = 1");
  }
  const auto transport = queues.Open();
  queues.Declare(*transport, "more");
  auto delivery = queues.Pop(*transport, "jobs");
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "a");
  EXPECT_TRUE(queues.Run(delivery->Ack()));
}

// What a commit inserts and hands out at once is not read from the file: whatever comes between must not hide or repeat a message.
TEST(SqliteTransport, WhatSharesACommitWithAllElseIsHandedOutOnce) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  std::mt19937 random(4);
  std::multiset<std::string> accepted;
  std::multiset<std::string> handled;
  int under_way = 0;
  const auto publish = [&](std::string body, PublishOptions options) -> Task<void> {
    if (co_await transport->Publish(Address::Queue("jobs"), Message(body), options)) accepted.insert(body);
    --under_way;
  };
  const auto consume = [&](std::uint16_t prefetch, int take, bool give_back) -> Task<void> {
    auto consumer = co_await transport->Consume("jobs", ConsumeOptions(prefetch));
    for (int i = 0; i < take && consumer; ++i) {
      auto delivery = co_await (*consumer)->Next();
      if (!delivery) break;
      if (give_back && i % 2 == 0) {
        EXPECT_TRUE(co_await delivery->Nack());
        continue;
      }
      handled.insert(delivery->message().body);
      EXPECT_TRUE(co_await delivery->Ack());
    }
    --under_way;
  };
  int number = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 20; ++i) {
      ++under_way;
      if (random() % 4 == 0) {
        queues.runner().Spawn(
            consume(static_cast<std::uint16_t>(1 + random() % 5), 1 + random() % 3, random() % 4 == 0));
        continue;
      }
      PublishOptions options;
      if (random() % 6 == 0) options.ttl = milliseconds(random() % 2);
      if (random() % 6 == 0) options.delay = milliseconds(random() % 3);
      queues.runner().Spawn(publish(std::to_string(++number), options));
    }
  }
  // Consumers may wait for more than there is.
  const auto drain = [&] {
    for (const std::string& body : queues.Drain(*transport, "jobs.dead")) handled.insert(body);
    if (under_way > 0 && queues.Stats(*transport, "jobs").ready == 0) {
      ++under_way;
      queues.runner().Spawn(publish(std::to_string(++number), PublishOptions()));
    }
    return under_way == 0;
  };
  EXPECT_TRUE(queues.runner().Until(drain));
  EXPECT_TRUE(queues.runner().Until([&] {
    for (const char* queue : {"jobs", "jobs.dead"}) {
      for (const std::string& body : queues.Drain(*transport, queue)) handled.insert(body);
    }
    return handled.size() >= accepted.size();
  }));
  EXPECT_EQ(handled, accepted);
}

TEST(SqliteTransport, TheFileDoesNotGrowWithWhatWentThrough) {
  Queues queues;
  const auto transport = queues.Open();
  queues.Declare(*transport, "jobs");
  const auto size = [&] { return std::filesystem::file_size(queues.file()); };
  const auto pass = [&] {
    for (int round = 0; round < 5; ++round) {
      std::vector<Outgoing> messages;
      for (int i = 0; i < 300; ++i) messages.emplace_back(Address::Queue("jobs"), Message(std::string(300, 'x')));
      ASSERT_TRUE(queues.Run(transport->PublishAll(std::move(messages))));
      auto consumer = queues.Run(transport->Consume("jobs", ConsumeOptions(300)));
      ASSERT_TRUE(consumer);
      for (int i = 0; i < 300; ++i) {
        auto next = queues.Run((*consumer)->Next());
        ASSERT_TRUE(next);
        if (i == 299) {
          EXPECT_TRUE(queues.Run(next->Ack()));
        } else {
          queues.runner().Spawn(
              [](Delivery delivery) -> Task<void> { (void)co_await delivery.Ack(); }(*std::move(next)));
        }
      }
      queues.Run((*consumer)->Stop());
    }
  };
  pass();
  const auto after_one = size();
  pass();
  pass();
  EXPECT_LE(size(), after_one + 1'000'000);
  EXPECT_LE(size(), 8'000'000U);
}

}  // namespace
}  // namespace tidings::messaging::testing
