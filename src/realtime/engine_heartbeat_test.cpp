#include "testing/engine_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using EngineHeartbeatTest = EngineTest;

TEST_F(EngineHeartbeatTest, PingsFirstAfterTheInterval) {
  FakeSocketClient client(server);
  client.Take();
  Advance(299);
  EXPECT_THAT(client.Take(), IsEmpty());
  Advance(17);
  EXPECT_THAT(client.Take(), ElementsAre("2"));
  for (int round = 0; round < 3; ++round) {
    client.Send("3");
    Advance(299);
    EXPECT_THAT(client.Take(), IsEmpty());
    Advance(17);
    EXPECT_THAT(client.Take(), ElementsAre("2"));
  }
}

TEST_F(EngineHeartbeatTest, ClosesWithoutAPong) {
  FakeSocketClient client(server);
  Advance(499);
  EXPECT_FALSE(client.closed());
  Advance(17);
  EXPECT_EQ(client.link.close_code, 1001);
  EXPECT_THAT(reasons, ElementsAre("ping timeout"));
}

TEST_F(EngineHeartbeatTest, OtherPacketsAreNoPong) {
  FakeSocketClient client(server);
  Advance(320);
  client.Send("4hello");
  Advance(200);
  EXPECT_THAT(reasons, ElementsAre("ping timeout"));
}

TEST_F(EngineHeartbeatTest, AnUnaskedPongMovesNothing) {
  FakeSocketClient client(server);
  client.Take();
  Advance(200);
  client.Send("3");
  Advance(116);
  EXPECT_THAT(client.Take(), ElementsAre("2"));
}

TEST_F(EngineHeartbeatTest, PingsByPolling) {
  FakePollingClient client(server);
  for (int round = 0; round < 3; ++round) {
    const auto poll = client.Poll();
    Advance(316);
    EXPECT_EQ(poll->body(), "2");
    EXPECT_EQ(client.Post("3")->status(), 200);
  }
  const auto poll = client.Poll();
  Advance(320);
  EXPECT_EQ(poll->body(), "2");
  const auto last_poll = client.Poll();
  Advance(200);
  EXPECT_EQ(last_poll->body(), "1");
  EXPECT_THAT(reasons, ElementsAre("ping timeout"));
}

TEST_F(EngineHeartbeatTest, ATimedOutSessionIsNotServedBetweenTicks) {
  FakePollingClient client(server);
  Advance(310);
  clock.Advance(std::chrono::milliseconds(190));  // 500 ms in all, and no tick since
  EXPECT_EQ(client.Poll()->status(), 400);
  EXPECT_THAT(reasons, ElementsAre("ping timeout"));
}

TEST_F(EngineHeartbeatTest, AStoppedProcessGivesItsClientsTime) {
  FakeSocketClient client(server);
  client.Take();
  clock.Advance(std::chrono::minutes(1));
  server.OnTick(clock.Steady());
  EXPECT_THAT(client.Take(), ElementsAre("2"));
  server.OnTick(clock.Steady());
  EXPECT_FALSE(client.closed());
  client.Send("3");
  Advance(250);
  EXPECT_FALSE(client.closed());
}

TEST_F(EngineHeartbeatTest, TheWallClockDoesNotMatter) {
  FakeSocketClient client(server);
  clock.JumpWall(std::chrono::hours(24));
  Advance(200);
  clock.JumpWall(std::chrono::hours(-48));
  Advance(90);
  EXPECT_FALSE(client.closed());
  EXPECT_THAT(client.Take().size(), 1u);
}

TEST_F(EngineHeartbeatTest, NextDeadlineLeadsFromPingToPing) {
  EXPECT_EQ(server.NextDeadline(), std::nullopt);
  FakeSocketClient client(server);
  client.Take();
  std::vector<Millis> pings;
  const Millis start = clock.Steady();
  while (pings.size() < 3) {
    clock.Advance(std::chrono::milliseconds(*server.NextDeadline() - clock.Steady()));
    server.OnTick(clock.Steady());
    if (client.Take().empty()) continue;
    pings.push_back(clock.Steady() - start);
    client.Send("3");
  }
  EXPECT_GE(pings[0], 300);
  EXPECT_LT(pings[2], 3 * 320);
}

}  // namespace
}  // namespace tidings::realtime
