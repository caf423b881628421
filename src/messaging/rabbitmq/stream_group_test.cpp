// What a group's log comes to on a real server: what it is trimmed to, and steps that are given up.
#include "stream_group.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "testing/rabbit_streams_fixture.hpp"
#include "url.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

using namespace std::chrono_literals;

class StreamGroupLog : public testing::RabbitTransportStreams {
 protected:
  StreamGroupLog() : log_(GroupLogName(stream_, "group")) {
    const auto ready = [](std::shared_ptr<Connection>) -> Task<Status> { co_return Status(); };
    const Url url = *ParseUrl(servers::SharedRabbit().url());
    consuming_ = std::make_shared<Link>(runner_.executor(), timers_, url, LinkOptions(), ready);
    publishing_ = std::make_shared<Link>(runner_.executor(), timers_, url, LinkOptions(), ready);
    publisher_ = std::make_shared<Publisher>(runner_.executor(), timers_, ledger_, publishing_, PublisherOptions());
  }
  ~StreamGroupLog() override {
    if (policy_) Eval("rabbit_policy:delete(<<\"/\">>, <<\"" + log_ + "\">>, <<\"guest\">>).");
    publisher_->Abandon();
    runner_.Run(consuming_->Stop());
    runner_.Run(publishing_->Stop());
    runner_.Poll();
  }

  std::shared_ptr<StreamGroup> Follow() {
    auto group = std::make_shared<StreamGroup>(runner_.executor(), timers_, consuming_, publisher_, log_, 20'000ms);
    const Status started = runner_.Run(group->Start(20'000ms));
    EXPECT_TRUE(started) << started.error().message();
    return group;
  }
  // By the broker, as one would that is meant for all streams of some name.
  void TrimLogByPolicy() {
    policy_ = true;
    Eval("ok = rabbit_policy:set(<<\"/\">>, <<\"" + log_ + "\">>, <<\"^" + log_ +
         "$\">>, [{<<\"max-length-bytes\">>, 20000}, {<<\"stream-max-segment-size-bytes\">>, 5000}], 0, "
         "<<\"queues\">>, <<\"guest\">>).");
  }
  std::uint64_t Oldest() {
    const auto connection = runner_.Run(consuming_->Ready(20'000ms));
    const auto reader = std::make_shared<StreamReader>(runner_.executor(), timers_, log_, std::uint16_t{1});
    EXPECT_TRUE(runner_.Run(reader->Open(*connection, 0)));
    if (reader->empty()) return 0;
    const std::uint64_t oldest = reader->position();
    reader->Stop();
    return oldest;
  }

  std::string log_;
  std::shared_ptr<Link> consuming_;
  std::shared_ptr<Link> publishing_;
  std::shared_ptr<Publisher> publisher_;

 private:
  bool policy_ = false;
};

TEST_F(StreamGroupLog, HoldsAStateWhateverIsTrimmedOfIt) {
  TrimLogByPolicy();
  Streams& streams = *Use(Options()).streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  for (int i = 0; i < 60; ++i) {
    Run(streams.Append(stream_, Message("m", "b")));
    const auto entries = Run(streams.ReadGroup(stream_, "group", "a", 1, 20'000ms));
    ASSERT_EQ(entries.size(), 1U);
    if (i % 3 != 0) Run(streams.Acknowledge(stream_, "group", {entries[0].id}));
  }
  EXPECT_GT(Oldest(), 20U) << "it was trimmed";
  Streams& late = *Use(Options()).streams();
  const GroupStats stats = Run(late.Group(stream_, "group"));
  EXPECT_EQ(stats.pending, 20U);
  EXPECT_EQ(stats.last_delivered.major(), 60U);
  EXPECT_EQ(stats.oldest_pending, StreamId(1, 0));
  EXPECT_EQ(Run(late.Claim(stream_, "group", "b", 0ms, 100)).size(), 20U);
}

TEST_F(StreamGroupLog, OneThatLostItsBeginningIsRefusedAndCanBeMadeAgain) {
  TrimLogByPolicy();
  RabbitTransport& transport = Use(Options());
  Streams& streams = *transport.streams();
  Run(streams.CreateGroup(stream_, "group", StreamId()));
  // As if all that worked in it had died before they could write a state.
  while (Oldest() == 0) {
    for (int i = 0; i < 20; ++i) {
      Run(transport.Publish(Address::Queue(log_), Message("m", "ack " + std::string(1'000, ' '))));
    }
  }
  Streams& late = *Use(Options()).streams();
  const auto group = runner_.Run(late.Group(stream_, "group"));
  const auto read = runner_.Run(late.ReadGroup(stream_, "group", "a", 1, 0ms));
  const auto created = runner_.Run(late.CreateGroup(stream_, "group", StreamId()));
  for (const Error& error : {group.error(), read.error(), created.error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(error.message().find(log_), std::string::npos) << error.message();
  }
  Run(transport.DeleteQueue(log_));
  Run(late.CreateGroup(stream_, "group", StreamId()));
  EXPECT_EQ(Run(late.Group(stream_, "group")).pending, 0U);
}

TEST_F(StreamGroupLog, StepsThatAreGivenUpLeaveNothingBehind) {
  Run(Use(Options()).streams()->CreateGroup(stream_, "group", StreamId()));
  const auto group = Follow();
  int cut_short = 0;
  for (int turns = 0; turns < 40; ++turns) {
    const auto id = static_cast<std::uint64_t>(turns) + 1;
    cut_short += CutShort(group->Do(GroupStep::Take(1, 1, {id})), turns) ? 1 : 0;
  }
  EXPECT_GT(cut_short, 5);
  // It stands behind all of them.
  EXPECT_TRUE(runner_.Run(group->Do(GroupStep::Ack({1}))));
  EXPECT_EQ(group->awaited(), 0U);
  group->Stop();
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
