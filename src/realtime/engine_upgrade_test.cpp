#include "testing/engine_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using EngineUpgradeTest = EngineTest;

TEST_F(EngineUpgradeTest, ReleasesThePollAndTakesOver) {
  FakePollingClient polling(server);
  const auto poll = polling.Poll();
  FakeSocketClient socket(server, polling.sid);
  EXPECT_THAT(socket.Take(), IsEmpty());
  socket.Send("2probe");
  EXPECT_THAT(socket.Take(), ElementsAre("3probe"));
  EXPECT_EQ(poll->body(), "6");
  EXPECT_FALSE(last->websocket());
  socket.Send("5");
  EXPECT_TRUE(last->websocket());
  EXPECT_EQ(server.websocket_count(), 1u);
  socket.Send("4hello");
  EXPECT_THAT(socket.Take(), ElementsAre("4hello"));
  EXPECT_THAT(reasons, IsEmpty());
  socket.Gone();
  EXPECT_THAT(reasons, ElementsAre("transport close"));
}

TEST_F(EngineUpgradeTest, ReleasesAPollThatComesAfterTheProbe) {
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  EXPECT_EQ(polling.Poll()->body(), "6");
  EXPECT_EQ(polling.Poll()->body(), "6");
}

TEST_F(EngineUpgradeTest, KeepsOrderAndLosesNothing) {
  FakePollingClient polling(server);
  polling.Post("4one");
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  EXPECT_EQ(polling.Poll()->body(), "4one");
  polling.Post(
      "4two\x1e"
      "bAQI=");
  socket.Take();
  socket.Send("5");
  socket.Send("4three");
  EXPECT_THAT(socket.Take(), ElementsAre("4two", "b:\1\2", "4three"));
}

TEST_F(EngineUpgradeTest, ReleasesThePollThatWaitsWhenItTakesOver) {
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  std::shared_ptr<Outcome> poll;
  {
    const EngineServer::Batch batch(server);
    poll = polling.Poll();
    socket.Send("5");
  }
  EXPECT_EQ(poll->body(), "6");
}

TEST_F(EngineUpgradeTest, RefusesHttpAfterwards) {
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  socket.Send("5");
  EXPECT_EQ(polling.Poll()->status(), 400);
  EXPECT_EQ(polling.Post("4x")->status(), 400);
  FakeSocketClient second(server, polling.sid);
  EXPECT_TRUE(second.closed());
  EXPECT_THAT(second.Take(), IsEmpty());
  socket.Take();
  socket.Send("4alive");
  EXPECT_THAT(socket.Take(), ElementsAre("4alive"));
}

TEST_F(EngineUpgradeTest, TakesOneProbeAtATime) {
  FakePollingClient polling(server);
  FakeSocketClient first(server, polling.sid);
  FakeSocketClient second(server, polling.sid);
  EXPECT_TRUE(second.closed());
  EXPECT_FALSE(first.closed());
  first.Gone();
  FakeSocketClient third(server, polling.sid);
  EXPECT_FALSE(third.closed());
}

TEST_F(EngineUpgradeTest, RefusesAWebSocketForASessionThatIsOne) {
  FakeSocketClient socket(server);
  FakeSocketClient second(server, std::string(last->id()));
  EXPECT_TRUE(second.closed());
  EXPECT_FALSE(socket.closed());
}

TEST_F(EngineUpgradeTest, WrongProbesCloseTheWebSocketAlone) {
  for (const char* message : {"4hello", "5", "1", "2", "2other", "3probe", "6", "x", ""}) {
    SCOPED_TRACE(message);
    FakePollingClient polling(server);
    FakeSocketClient socket(server, polling.sid);
    socket.Send(message);
    EXPECT_TRUE(socket.closed());
    polling.Post("4by polling");
    EXPECT_EQ(polling.Poll()->body(), "4by polling");
  }
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  socket.Send("4hello");
  EXPECT_TRUE(socket.closed());
  EXPECT_FALSE(polling.Poll()->answer);  // no noops any more
  FakeSocketClient binary(server, polling.sid);
  binary.SendBinary("2probe");
  EXPECT_TRUE(binary.closed());
  EXPECT_THAT(reasons, IsEmpty());
}

TEST_F(EngineUpgradeTest, GivesUpAfterTenSeconds) {
  EngineOptions options = Options();
  options.ping_interval = 25'000;
  EngineServer patient(options, clock, *this);
  FakePollingClient polling(patient);
  FakeSocketClient socket(patient, polling.sid);
  socket.Send("2probe");
  clock.Advance(std::chrono::milliseconds(9'999));
  patient.OnTick(clock.Steady());
  EXPECT_FALSE(socket.closed());
  clock.Advance(std::chrono::milliseconds(20));
  patient.OnTick(clock.Steady());
  EXPECT_TRUE(socket.closed());
  EXPECT_FALSE(polling.Poll()->answer);
  socket.Gone();
}

TEST_F(EngineUpgradeTest, ClosesTheProbeWithItsSession) {
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  polling.Post("1");
  EXPECT_TRUE(socket.closed());
  EXPECT_EQ(server.session_count(), 0u);
}

TEST_F(EngineUpgradeTest, KeepsTheHeartbeatGoing) {
  FakePollingClient polling(server);
  FakeSocketClient socket(server, polling.sid);
  socket.Send("2probe");
  Advance(320);  // the ping is queued for polling
  socket.Take();
  socket.Send("5");
  EXPECT_THAT(socket.Take(), ElementsAre("2"));
  socket.Send("3");
  Advance(280);
  EXPECT_THAT(socket.Take(), IsEmpty());
  Advance(40);
  EXPECT_THAT(socket.Take(), ElementsAre("2"));
}

}  // namespace
}  // namespace tidings::realtime
