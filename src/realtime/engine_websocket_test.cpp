#include "testing/engine_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using EngineWebSocketTest = EngineTest;

TEST_F(EngineWebSocketTest, CarriesTextAndBinaryBothWays) {
  FakeSocketClient client(server);
  client.Take();
  client.Send("4hello");
  client.SendBinary(std::string_view("\0\1", 2));
  client.Send("4");
  client.SendBinary("");
  EXPECT_THAT(client.Take(), ElementsAre("4hello", std::string("b:\0\1", 4), "4", "b:"));
}

TEST_F(EngineWebSocketTest, ClosesOnBadPackets) {
  for (const char* message : {"", "7", "9hello", "x", "é", "0", "2"}) {
    SCOPED_TRACE(message);
    reasons.clear();
    FakeSocketClient client(server);
    client.Send(message);
    EXPECT_EQ(client.link.close_code, 1002);
    EXPECT_THAT(reasons, ElementsAre("parse error"));
    client.Take();
    client.Send("4ignored");
    EXPECT_THAT(client.Take(), IsEmpty());
  }
}

TEST_F(EngineWebSocketTest, ClosesOnAClosePacket) {
  FakeSocketClient client(server);
  client.Send("1");
  EXPECT_EQ(client.link.close_code, 1000);
  EXPECT_THAT(reasons, ElementsAre("transport close"));
}

TEST_F(EngineWebSocketTest, EndsWithItsConnection) {
  FakeSocketClient client(server);
  client.Gone();
  EXPECT_THAT(reasons, ElementsAre("transport close"));
  EXPECT_EQ(server.session_count(), 0u);
  EXPECT_EQ(server.websocket_count(), 0u);
}

TEST_F(EngineWebSocketTest, MayEndBeforeItOpened) {
  const auto upgraded = server.OnUpgrade(MakeRequest("GET", {{"EIO", "4"}, {"transport", "websocket"}}));
  (*upgraded)->OnClosed();
  EXPECT_EQ(server.session_count(), 0u);
}

TEST_F(EngineWebSocketTest, ASlowClientIsClosedAndNothingDroppedBefore) {
  FakeSocketClient client(server);
  client.Take();
  client.link.stuck = true;
  int sent = 0;
  for (; last->pending_bytes() <= 10'000; ++sent)
    last->Send(Frame::Binary(std::string(996, 'x')));  // 1,000 with its header
  EXPECT_EQ(sent, 11);
  EXPECT_TRUE(last->open());                           // a send ends no session
  EXPECT_EQ(server.NextDeadline(), clock.Steady());
  server.OnTick(clock.Steady());
  EXPECT_THAT(reasons, ElementsAre("transport error"));
  EXPECT_EQ(client.link.close_code, 1013);
  EXPECT_EQ(client.Take().size(), 11u);
}

TEST_F(EngineWebSocketTest, IsNotClosedUnderABatch) {
  FakeSocketClient client(server);
  client.link.stuck = true;
  {
    const EngineServer::Batch batch(server);
    last->Send(Frame::Binary(std::string(20'000, 'x')));
    EXPECT_TRUE(last->open());
  }
  EXPECT_THAT(reasons, ElementsAre("transport error"));
}

TEST_F(EngineWebSocketTest, TellsWhenItIsDrained) {
  FakeSocketClient client(server);
  client.link.stuck = true;
  last->Send(Frame::Text("4x"));
  EXPECT_EQ(last->pending_bytes(), 4u);
  EXPECT_FALSE(last->writable());
  client.Drain();
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(last->writable());
}

TEST_F(EngineWebSocketTest, LooksItselfWhereTheLinkDoesNotTell) {
  FakeSocketClient client(server);
  client.link.stuck = true;
  last->Send(Frame::Text("4x"));
  last->NotifyDrained();
  last->NotifyDrained();
  EXPECT_TRUE(client.link.drain_asked);
  Advance(50);
  EXPECT_EQ(drained, 0);
  client.link.pending = 0;
  EXPECT_LE(*server.NextDeadline(), clock.Steady() + 16);
  Advance(20);
  EXPECT_EQ(drained, 1);
  Advance(50);
  EXPECT_EQ(drained, 1);
  last->NotifyDrained();
  client.Gone();  // with the wish open
  Advance(50);
  EXPECT_EQ(drained, 1);
}

TEST_F(EngineWebSocketTest, AllAreClosedByTheirTransport) {
  FakeSocketClient one(server);
  FakePollingClient two(server);
  const auto poll = two.Poll();
  FakePollingClient three(server);
  FakeSocketClient probe(server, three.sid);
  server.CloseAll(1012);
  EXPECT_EQ(one.link.close_code, 1012);
  EXPECT_EQ(probe.link.close_code, 1012);
  // No close packet by polling: python-socketio would stay away after one.
  EXPECT_TRUE(poll->dropped);
  EXPECT_EQ(three.Poll()->status(), 400);
  EXPECT_THAT(reasons, ElementsAre("server shutting down", "server shutting down", "server shutting down"));
  EXPECT_EQ(server.session_count(), 0u);
}

TEST_F(EngineWebSocketTest, AHandshakeUnderWayIsClosedWhenAllAre) {
  auto upgraded = server.OnUpgrade(MakeRequest("GET", {{"EIO", "4"}, {"transport", "websocket"}}));
  server.CloseAll(1001);
  FakeLink link;
  (*upgraded)->OnOpen(link);
  EXPECT_EQ(link.close_code, 1001);
  (*upgraded)->OnClosed();
}

TEST_F(EngineWebSocketTest, IdsAreSecretAndDiffer) {
  FakeSocketClient one(server);
  const std::string first(last->id());
  FakeSocketClient two(server);
  EXPECT_NE(first, last->id());
  EXPECT_EQ(first.size(), 20u);
}

}  // namespace
}  // namespace tidings::realtime
