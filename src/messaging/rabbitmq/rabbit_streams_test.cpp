// Streams against a real server: what is RabbitMQ's own. The rest is in the suite.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include <tidings/base/id.hpp>

#include "testing/rabbit_streams_fixture.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;
using testing::RabbitTransportStreams;

TEST_F(RabbitTransportStreams, SegmentsMakeNoGaps) {
  RabbitOptions options = Options();
  options.stream_segment_bytes = 10'000;
  Streams& streams = *Use(options).streams();
  const auto ids = AppendMany(streams, 60, 1'000);
  EXPECT_GT(ids.back().major(), 60U) << "RabbitMQ numbers a segment's beginning too";
  EXPECT_EQ(ReadAll(streams, StreamId()).size(), 60U);
  EXPECT_EQ(ReadAll(streams, ids[4]).size(), 55U);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ReadAll(streams, ids[i]).size(), ids.size() - i - 1);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 0U);
}

TEST_F(RabbitTransportStreams, WhatTheBrokerTrimsIsCountedByWhoMissesIt) {
  Streams& streams = *Use(Trimmed()).streams();
  const auto first = AppendMany(streams, 3, 10);
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  EXPECT_EQ(Run(streams.ReadGroup(stream_, "group", "a", 2, 0ms)).size(), 2U);
  const auto ids = AppendMany(streams, 100, 1'000);
  const auto kept = ReadAll(streams, StreamId());
  ASSERT_GT(kept.size(), 0U);
  ASSERT_LT(kept.size(), 60U);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 0U) << "who reads from the start was owed nothing";
  const std::uint64_t gone = kept.front().id.major() - 1;

  // Another process, which has fetched nothing ahead. A reader that has read one.
  Streams& late = *Use(Trimmed()).streams();
  EXPECT_EQ(Run(late.Read(stream_, first[0], 1, 0ms)).front().id, kept.front().id);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), gone - 1);
  // The group: two were pending, the others were never handed out.
  EXPECT_TRUE(Run(late.Claim(stream_, "group", "b", 0ms, 100)).empty());
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), gone - 1 + 2);
  EXPECT_EQ(Run(late.Group(stream_, "group")).pending, 0U);
  EXPECT_EQ(Run(late.ReadGroup(stream_, "group", "a", 1, 0ms)).front().id, kept.front().id);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), gone - 1 + 2 + gone - 2);
}

TEST_F(RabbitTransportStreams, TransportsShareAGroupAsConsumersOfOneDo) {
  constexpr int kEntries = 300;
  Use(Options());
  Use(Options());
  Use(Options());
  Run(transports_[0]->streams()->CreateGroup(stream_, "group", StreamId()));
  AppendMany(*transports_[0]->streams(), kEntries, 10);
  std::map<StreamId, int> handed;
  std::set<std::size_t> workers;
  std::uint64_t acknowledged = 0;
  int ended = 0;
  const auto work = [&](std::size_t which) -> Task<void> {
    Streams& streams = *transports_[which]->streams();
    for (;;) {
      const auto entries = co_await streams.ReadGroup(stream_, "group", "consumer", 7, 0ms);
      if (!entries || entries->empty()) break;
      workers.insert(which);
      std::vector<StreamId> ids;
      for (const StreamEntry& entry : *entries) {
        ++handed[entry.id];
        ids.push_back(entry.id);
      }
      // By whom it was handed out does not matter.
      acknowledged +=
          (co_await transports_[(which + 1) % 3]->streams()->Acknowledge(stream_, "group", ids)).value_or(0);
    }
    ++ended;
  };
  for (std::size_t i = 0; i < 3; ++i) runner_.Spawn(work(i));
  ASSERT_TRUE(runner_.Until([&] { return ended == 3; }, 60s));
  EXPECT_EQ(handed.size(), static_cast<std::size_t>(kEntries));
  for (const auto& [id, times] : handed) EXPECT_EQ(times, 1) << id.Text();
  EXPECT_EQ(acknowledged, static_cast<std::uint64_t>(kEntries));
  EXPECT_EQ(workers.size(), 3U);
}

TEST_F(RabbitTransportStreams, AGroupThatTheBrokerLostIsMadeAgain) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  const auto ids = AppendMany(streams, 5, 10);
  Run(streams.ReadGroup(stream_, "group", "a", 3, 0ms));
  Run(streams.Acknowledge(stream_, "group", {ids[0]}));
  Run(transport.DeleteQueue(stream_ + "/group"));
  std::vector<StreamId> again;
  const auto read = [&]() -> Task<void> {
    // The first answer may be that it is not there.
    while (again.size() < 4) {
      const auto entries = co_await streams.ReadGroup(stream_, "group", "a", 10, 100ms);
      for (std::size_t i = 0; entries && i < entries->size(); ++i) again.push_back((*entries)[i].id);
      if (!entries) co_await timers_.Sleep(20ms);
    }
  };
  runner_.Run(read(), 30s);
  EXPECT_EQ(again, (std::vector<StreamId>{ids[1], ids[2], ids[3], ids[4]}))
      << "from the last one that was acknowledged";
}

TEST_F(RabbitTransportStreams, IsAQueueForOtherClients) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Run(streams.Append(stream_, Message("m", "by Append")));
  // As any client would, and with what means something to RabbitMQ and to this transport.
  Message message("m", "by Publish");
  message.headers.Set("tidings-stamp", "mine");
  message.headers.Set("x-stream-offset", "mine");
  Run(transport.Publish(Address::Queue(stream_), message));
  const auto entries = ReadAll(streams, StreamId());
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_FALSE(entries[0].message.headers.Has("tidings-stamp"));
  EXPECT_FALSE(entries[0].message.headers.Has("x-stream-offset"));
  EXPECT_EQ(entries[1].message, message);

  const std::string queue = "q." + RandomToken(12);
  Run(transport.Declare(Topology().AddQueue(queue)));
  const auto wrong = runner_.Run(streams.Append(queue, Message("m", "b")));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kConflict) << wrong.error().message();
  Run(transport.DeleteQueue(queue));
}

}  // namespace
}  // namespace tidings::messaging
