// Streams against a real server, where something goes wrong or comes late: entries that are not here yet, calls that are given
// up, streams that are deleted.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/id.hpp>

#include "testing/rabbit_streams_fixture.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;
using testing::RabbitTransportStreams;

class RabbitStreamFaults : public RabbitTransportStreams {
 protected:
  using Entries = std::vector<StreamEntry>;

  static std::vector<std::string> Bodies(const Entries& entries) {
    std::vector<std::string> bodies;
    for (const StreamEntry& entry : entries) bodies.push_back(entry.message.body);
    return bodies;
  }
  static std::vector<std::string> Numbers(const std::string& prefix, int count) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(prefix + std::to_string(i));
    return numbers;
  }
  void AppendEach(Streams& streams, const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) Run(streams.Append(stream_, Message("m", body)));
  }
  // Until so many came in all.
  Entries ReadGroupAll(Streams& streams, std::size_t count) {
    Entries all;
    while (all.size() < count) {
      for (StreamEntry& entry : Run(streams.ReadGroup(stream_, "group", "a", 100, 20'000ms))) {
        all.push_back(std::move(entry));
      }
    }
    return all;
  }
};

// Appends to the stream from many coroutines at once until it is stopped.
class Crowd {
 public:
  Crowd(testing::TaskRunner& runner, Streams& streams, std::string stream)
      : runner_(runner), streams_(streams), stream_(std::move(stream)) {
    for (int i = 0; i < 16; ++i) runner_.Spawn(Append());
  }
  // Newest of those that were confirmed by now.
  StreamId newest() const { return newest_; }
  bool Stop() {
    stop_ = true;
    return runner_.Until([&] { return running_ == 0; });
  }

 private:
  Task<void> Append() {
    ++running_;
    while (!stop_) {
      const auto id = co_await streams_.Append(stream_, Message("m", std::string(500, 'x')));
      if (id) newest_ = std::max(newest_, *id);
    }
    --running_;
  }

  testing::TaskRunner& runner_;
  Streams& streams_;
  std::string stream_;
  StreamId newest_;
  bool stop_ = false;
  int running_ = 0;
};

// The stream's process is kept from its work for 20 ms again and again, so that it tells each new reader late where the stream
// ends.
TEST_F(RabbitStreamFaults, WhatIsConfirmedIsThereHoweverSlowTheStreamIs) {
  Streams& streams = *Use(Options()).streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  AppendEach(streams, Numbers("", 5));
  ASSERT_EQ(ReadGroupAll(streams, 5).size(), 5U);
  Streams& late = *Use(Options()).streams();
  ASSERT_EQ(Run(late.Group(stream_, "group")).pending, 5U);
  Eval("{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"" + stream_ +
       "\">>)), Pid = amqqueue:get_pid(Q), Stall = fun(State) -> timer:sleep(20), State end, "
       "spawn(fun() -> [sys:replace_state(Pid, Stall, infinity) || _ <- lists:seq(1, 200)] end).");
  EXPECT_EQ(Run(late.Claim(stream_, "group", "a", 0ms, 10)).size(), 5U);
  EXPECT_EQ(Run(late.Tail(stream_)), StreamId(5, 0));
  EXPECT_EQ(Run(late.Stats(stream_)).length, 5U);
  EXPECT_EQ(Run(late.Read(stream_, StreamId(3, 0), 10, 0ms)).size(), 2U);
  EXPECT_EQ(Run(late.Group(stream_, "group")).pending, 5U);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 0U);
}

// The broker tells a new reader late where such a stream ends.
TEST_F(RabbitStreamFaults, WhatIsConfirmedIsThereHoweverBusyTheStreamIs) {
  Streams& reader = *Use(Options()).streams();
  Crowd crowd(runner_, *Use(Options()).streams(), stream_);
  ASSERT_TRUE(runner_.Until([&] { return crowd.newest() > StreamId(); }));
  for (int i = 0; i < 20; ++i) {
    const StreamId known = crowd.newest();
    EXPECT_GE(Run(reader.Tail(stream_)), known);
    const StreamStats stats = Run(reader.Stats(stream_));
    EXPECT_GE(stats.last, known);
    EXPECT_EQ(stats.first, StreamId(1, 0));
    EXPECT_EQ(Run(reader.Read(stream_, StreamId(known.major() - 1, 0), 1, 0ms)).size(), 1U);
  }
  EXPECT_TRUE(crowd.Stop());
}

TEST_F(RabbitStreamFaults, ClaimsLoseNothingHoweverBusyTheStreamIs) {
  Streams& streams = *Use(Options()).streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  Crowd crowd(runner_, *Use(Options()).streams(), stream_);
  std::size_t handed = 0;
  std::size_t acknowledged = 0;
  for (int i = 0; i < 6; ++i) {
    const auto read = Run(streams.ReadGroup(stream_, "group", "dead", 7, 20'000ms));
    handed += read.size();
    // By a process that has read nothing of this stream yet.
    RabbitTransport& late = Use(Options());
    std::set<StreamId> claimed;
    for (int tries = 0; claimed.size() < read.size() && tries < 10; ++tries) {
      for (const StreamEntry& entry : Run(late.streams()->Claim(stream_, "group", "alive", 0ms, 100))) {
        claimed.insert(entry.id);
      }
    }
    acknowledged += Run(late.streams()->Acknowledge(stream_, "group", {claimed.begin(), claimed.end()}));
    runner_.Run(late.Close());
  }
  EXPECT_EQ(acknowledged, handed);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 0U);
  EXPECT_TRUE(crowd.Stop());
}

TEST_F(RabbitStreamFaults, CallsThatAreGivenUpLeaveStreamsAndGroupsAsUsableAsTheyWere) {
  int cut_short = 0;
  for (const int turns : {0, 1, 2, 4, 6, 9, 12, 16, 20, 25, 30, 40, 60}) {
    stream_ = "stream." + RandomToken(12);
    // None of them has been connected yet.
    Streams& streams = *Use(Options()).streams();
    Streams& other = *Use(Options()).streams();
    cut_short += CutShort(streams.Append(stream_, Message("m", "given up")), turns) ? 1 : 0;
    Run(streams.Append(stream_, Message("m", "0")));
    cut_short += CutShort(streams.CreateGroup(stream_, "group", StreamId()), turns) ? 1 : 0;
    Run(streams.CreateGroup(stream_, "group", StreamId()));
    cut_short += CutShort(other.Group(stream_, "group"), turns) ? 1 : 0;
    EXPECT_EQ(Run(other.Group(stream_, "group")).last_delivered.minor(), 0U);
    cut_short += CutShort(other.ReadGroup(stream_, "group", "a", 10, 10'000ms), turns) ? 1 : 0;
    cut_short += CutShort(streams.Claim(stream_, "group", "a", 0ms, 10), turns) ? 1 : 0;
    Run(streams.Append(stream_, Message("m", "1")));
    // What the one that was given up was handed is pending.
    std::set<std::string> bodies;
    const auto take = [&](const Entries& entries) {
      for (const StreamEntry& entry : entries) bodies.insert(entry.message.body);
    };
    while (!bodies.contains("1")) take(Run(streams.ReadGroup(stream_, "group", "b", 10, 20'000ms)));
    while (!bodies.contains("0")) take(Run(streams.Claim(stream_, "group", "b", 0ms, 10)));
  }
  EXPECT_GT(cut_short, 20);
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), 0U);
}

TEST_F(RabbitStreamFaults, AnEmptyStreamAndItsGroupSayThatTheyAreEmpty) {
  Streams& streams = *Use(Options()).streams();
  Streams& other = *Use(Options()).streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  for (Streams* each : {&streams, &other}) {
    const GroupStats stats = Run(each->Group(stream_, "group"));
    EXPECT_EQ(stats.pending, 0U);
    EXPECT_EQ(stats.last_delivered, StreamId());
    EXPECT_EQ(Run(each->Tail(stream_)), StreamId());
    EXPECT_EQ(Run(each->Stats(stream_)).length, 0U);
    EXPECT_TRUE(Run(each->Read(stream_, StreamId(), 10, 0ms)).empty());
    EXPECT_TRUE(Run(each->ReadGroup(stream_, "group", "a", 10, 0ms)).empty());
    EXPECT_TRUE(Run(each->Claim(stream_, "group", "a", 0ms, 10)).empty());
  }
  Run(other.Append(stream_, Message("m", "first")));
  EXPECT_EQ(Bodies(Run(streams.ReadGroup(stream_, "group", "a", 10, 0ms))), (std::vector<std::string>{"first"}));
}

TEST_F(RabbitStreamFaults, AGroupOfAStreamThatWasDeletedGoesOnWithTheOneThatIsMadeAnew) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  AppendEach(streams, Numbers("old ", 40));
  std::vector<StreamId> ids;
  for (const StreamEntry& entry : ReadGroupAll(streams, 20)) ids.push_back(entry.id);
  ASSERT_GE(ids.size(), 20U);
  ids.resize(17);
  Run(streams.Acknowledge(stream_, "group", ids));
  const std::uint64_t pending = Run(streams.Group(stream_, "group")).pending;
  Run(transport.DeleteQueue(stream_));
  AppendEach(streams, Numbers("new ", 5));
  EXPECT_EQ(Bodies(Run(streams.ReadGroup(stream_, "group", "a", 100, 0ms))), Numbers("new ", 5));
  EXPECT_EQ(ledger_.Of(LossCause::kTrimmed), pending) << "what the group was owed of the old one";
  const GroupStats stats = Run(streams.Group(stream_, "group"));
  EXPECT_EQ(stats.pending, 5U);
  EXPECT_EQ(stats.last_delivered, StreamId(5, 0));
}

TEST_F(RabbitStreamFaults, AGroupWaitsForTheFirstEntryOfAStreamThatIsMadeAnew) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Streams& other = *Use(Options()).streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  AppendEach(streams, Numbers("old ", 10));
  std::vector<StreamId> ids;
  for (const StreamEntry& entry : ReadGroupAll(streams, 10)) ids.push_back(entry.id);
  Run(streams.Acknowledge(stream_, "group", ids));
  std::set<std::string> came;
  int ended = 0;
  const auto work = [&](Streams& in) -> Task<void> {
    while (!came.contains("new 0") || !came.contains("new 1") || !came.contains("new 2")) {
      const auto entries = co_await in.ReadGroup(stream_, "group", "a", 100, 2'000ms);
      for (std::size_t i = 0; entries && i < entries->size(); ++i) came.insert((*entries)[i].message.body);
    }
    ++ended;
  };
  runner_.Spawn(work(streams));
  runner_.Spawn(work(other));
  Run(transport.DeleteQueue(stream_));
  // It is empty at first.
  Run(other.CreateGroup(stream_, "another", StreamId()));
  AppendEach(other, Numbers("new ", 3));
  EXPECT_TRUE(runner_.Until([&] { return ended == 2; })) << came.size();
}

TEST_F(RabbitStreamFaults, NothingOfADeletedStreamIsReadFromTheOneThatIsMadeAnew) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  AppendEach(streams, Numbers("old ", 20));
  // What comes after these is fetched already.
  ASSERT_EQ(Run(streams.Read(stream_, StreamId(), 2, 0ms)).size(), 2U);
  Run(transport.DeleteQueue(stream_));
  AppendEach(streams, Numbers("new ", 5));
  EXPECT_EQ(Bodies(Run(streams.Read(stream_, StreamId(2, 0), 10, 0ms))),
            (std::vector<std::string>{"new 2", "new 3", "new 4"}));
}

TEST_F(RabbitStreamFaults, AGroupWhoseLogWasDeletedAnswersAtOnce) {
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  AppendEach(streams, Numbers("", 5));
  ReadGroupAll(streams, 5);
  for (int i = 0; i < 5; ++i) {
    Run(transport.DeleteQueue(stream_ + "/group"));
    EXPECT_EQ(Run(streams.Group(stream_, "group")).pending, 0U);
    EXPECT_EQ(ReadGroupAll(streams, 5).size(), 5U) << "they were pending";
  }
}

}  // namespace
}  // namespace tidings::messaging
