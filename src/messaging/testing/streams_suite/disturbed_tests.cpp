// Conformance of Streams: appended, read and shared by a group while connections break and servers die; nothing is lost.
#include "testing/streams_suite.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace tidings::messaging::testing {
namespace {

constexpr std::chrono::milliseconds kPause{20};

}  // namespace

void DisturbedStreamsSuite::WorkThrough(int disturbances, const std::function<void()>& disturb) {
  constexpr int kProducers = 5;
  const int each = Large() ? 400 : 40;
  const std::string stream = StreamName();
  if (capabilities().stream_groups) CreateGroup(stream, "group");
  for (int i = 0; i < kProducers; ++i) Spawn(Produce(stream, each));
  Spawn(Follow(stream));
  if (capabilities().stream_groups) {
    for (const std::string name : {"one", "other"}) Spawn(Share(stream, name));
  }
  const auto all = static_cast<std::size_t>(kProducers * each);
  for (int i = 1; i <= disturbances; ++i) {
    const std::size_t enough = all * static_cast<std::size_t>(i) / (static_cast<std::size_t>(disturbances) + 1);
    ASSERT_TRUE(Until([&] { return accepted_.size() >= enough; })) << accepted_.size() << " of " << all;
    disturb();
  }
  EXPECT_TRUE(Until([&] { return accepted_.size() == all; })) << accepted_.size() << " of " << all;
  EXPECT_TRUE(Until([&] { return std::ranges::includes(read_, accepted_); })) << read_.size() << " read of " << all;
  if (capabilities().stream_groups) {
    EXPECT_TRUE(Until([&] { return std::ranges::includes(shared_, accepted_); }))
        << shared_.size() << " of " << all << " came to the group";
  }
  stop_ = true;
  EXPECT_TRUE(Until([&] { return running_ == 0; }));
  EXPECT_EQ(ledger().Of(LossCause::kTrimmed), 0U) << "all of it is there";
}

Task<void> DisturbedStreamsSuite::Produce(std::string stream, int count) {
  ++running_;
  for (int i = 0; i < count && !stop_;) {
    const Message message = Numbered(i);
    while (!stop_) {
      if (co_await streams().Append(stream, message)) {
        accepted_.insert(message.id);
        ++i;
        break;
      }
      co_await timers().Sleep(kPause);
    }
  }
  --running_;
}

Task<void> DisturbedStreamsSuite::Follow(std::string stream) {
  ++running_;
  StreamId after;
  while (!stop_) {
    const auto entries = co_await streams().Read(stream, after, 50, ms(100));
    if (!entries) co_await timers().Sleep(kPause);
    if (!entries) continue;
    for (const StreamEntry& entry : *entries) {
      EXPECT_GT(entry.id, after);
      after = entry.id;
      read_.insert(entry.message.id);
    }
  }
  --running_;
}

Task<void> DisturbedStreamsSuite::Share(std::string stream, std::string name) {
  ++running_;
  while (!stop_) {
    auto entries = co_await streams().ReadGroup(stream, "group", name, 10, ms(100));
    // What an answer that was lost had handed out.
    if (entries && entries->empty()) entries = co_await streams().Claim(stream, "group", name, 4 * unit(), 10);
    if (!entries) co_await timers().Sleep(kPause);
    if (!entries || entries->empty()) continue;
    for (const StreamEntry& entry : *entries) shared_.insert(entry.message.id);
    std::ignore = co_await streams().Acknowledge(stream, "group", Ids(*entries));
  }
  --running_;
}

namespace {

// Not for transports that have neither connections nor servers.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DisturbedStreamsSuite);

TEST_P(DisturbedStreamsSuite, NothingIsLostWhenConnectionsBreak) {
  if (!capabilities().streams || !features().cuts) GTEST_SKIP() << "has no streams, or no connections that break";
  WorkThrough(Large() ? 20 : 4, [&] { environment().CutConnections(); });
}

TEST_P(DisturbedStreamsSuite, NothingIsLostWhenConnectionsGoSilent) {
  if (!capabilities().streams || !features().silences) GTEST_SKIP() << "has no streams, or no connections";
  WorkThrough(Large() ? 6 : 2, [&] {
    environment().Silence();
    EXPECT_TRUE(Until([&] { return environment().noticed(); })) << "nobody gave up a connection that is dead";
    environment().EndSilence();
  });
}

TEST_P(DisturbedStreamsSuite, NothingIsLostWhenTheServerIsKilled) {
  if (!capabilities().streams || !features().server) GTEST_SKIP() << "has no streams, or no server";
  WorkThrough(Large() ? 5 : 2, [&] {
    environment().KillServer();
    Settle();
    environment().StartServer();
  });
}

TEST_P(DisturbedStreamsSuite, NothingIsLostWhenTheServerStandsStill) {
  if (!capabilities().streams || !features().server) GTEST_SKIP() << "has no streams, or no server";
  WorkThrough(2, [&] {
    environment().PauseServer();
    Pass(4 * unit());
    environment().ResumeServer();
  });
}

}  // namespace
}  // namespace tidings::messaging::testing
