#include "testing/socket_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

using SocketServerTest = SocketTest;

TEST_F(SocketServerTest, ConnectsToNamespaces) {
  FakeSocketClient client(server);
  const std::string sid = SidOf(client.Take()[0]);
  client.Send("40");
  const auto answer = client.Take();
  ASSERT_THAT(answer, ElementsAre(MatchesRegex(R"(40\{"sid":"[A-Za-z0-9_-]{20}"\})")));
  EXPECT_NE(SidOf(answer[0]), sid);
  EXPECT_EQ(SidOf(answer[0]), last->id());
  EXPECT_EQ(&last->nsp(), &root());
  client.Send("40/custom");
  EXPECT_THAT(client.Take(), ElementsAre(MatchesRegex(R"(40/custom,\{"sid":"[A-Za-z0-9_-]{20}"\})")));
  EXPECT_EQ(&last->nsp(), &server.Of("/custom"));
  EXPECT_EQ(root().socket_count(), 1u);
}

TEST_F(SocketServerTest, ShowsTheHandshake) {
  Handshake seen;
  root().OnConnection([&](Socket& socket, const Handshake& handshake) {
    seen = handshake;
    socket.Emit("auth", handshake.auth);
  });
  FakeSocketClient client(server);
  client.Take();
  client.Send(R"(40{"token":"123"})");
  EXPECT_THAT(client.Take(), ElementsAre(testing::_, R"(42["auth",{"token":"123"}])"));
  EXPECT_EQ(seen.request->remote_address, "192.0.2.1");
  EXPECT_EQ(seen.request->Header("user-agent"), "test");
  EXPECT_EQ(seen.request->Query("transport"), "websocket");
  EXPECT_EQ(seen.time, clock.Now());
  EXPECT_EQ(seen.nsp, "/");
}

TEST_F(SocketServerTest, FreesTheHandshakeOnceItIsInEveryNamespace) {
  std::weak_ptr<const HttpRequest> kept;
  root().OnConnection([&](Socket&, const Handshake& handshake) { kept = handshake.request; });
  auto client = Connect();
  EXPECT_FALSE(kept.expired());
  client->Send("40/custom");
  EXPECT_TRUE(kept.expired());
}

TEST_F(SocketServerTest, EchoesByteForByte) {
  auto client = Connect();
  client->Send(R"(42["message",1,"2",{"3":[true]}, 1.10, 0.1e1,"\u00e9"])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back",1,"2",{"3":[true]}, 1.10, 0.1e1,"\u00e9"])"));
  client->Send(R"(42["message"])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back"])"));
  client->Send(R"(42456["message-with-ack",1,"2",{"3":[false]}])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(43456[1,"2",{"3":[false]}])"));
  client->Send(R"(42["message-with-ack",1])");
  client->Send(R"(42["nobody",1])");
  EXPECT_THAT(client->Take(), IsEmpty());
}

TEST_F(SocketServerTest, EchoesBinaryInPlace) {
  auto client = Connect();
  client->Send("40/custom,");
  client->Take();
  client->Send(R"(452-/custom,789["message-with-ack",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]])");
  EXPECT_THAT(client->Take(), IsEmpty());
  client->SendBinary("abc");
  client->SendBinary(std::string_view("\0\1", 2));
  EXPECT_THAT(client->Take(),
              ElementsAre(R"(462-/custom,789[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]])", "b:abc",
                          std::string("b:\0\1", 4)));
}

TEST_F(SocketServerTest, ServesPolling) {
  FakePollingClient client(server);
  client.Post("40");
  EXPECT_THAT(client.Poll()->body(), MatchesRegex(R"(40\{"sid":"[^"]+"\})"));
  EXPECT_FALSE(last->websocket());
  const auto poll = client.Poll();
  client.Post(
      "451-[\"message\",{\"_placeholder\":true,\"num\":0}]\x1e"
      "bAQI=\x1e"
      "420[\"message-with-ack\"]");
  EXPECT_EQ(poll->body(),
            "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]\x1e"
            "bAQI=\x1e"
            "430[]");
}

TEST_F(SocketServerTest, SocketsMoveToAWebSocket) {
  FakePollingClient polling(server);
  polling.Post("40");
  polling.Poll();
  FakeSocketClient client(server, polling.sid);
  client.Send("2probe");
  client.Send("5");
  client.Take();
  EXPECT_TRUE(last->websocket());
  EXPECT_TRUE(last->connected());
  client.Send(R"(42["message",1])");
  EXPECT_THAT(client.Take(), ElementsAre(R"(42["message-back",1])"));
}

TEST_F(SocketServerTest, EventsFollowTheirOrder) {
  std::vector<std::string> seen;
  root().OnAny(
      [&](Socket&, std::string_view event, const Args& args) { seen.push_back(std::string(event) + args.text()); });
  auto client = Connect();
  for (int i = 0; i < 5; ++i) client->Send("42[\"e\"," + std::to_string(i) + "]");
  EXPECT_THAT(seen, ElementsAre("e0", "e1", "e2", "e3", "e4"));
}

TEST_F(SocketServerTest, HandlersOfASocketGoFirst) {
  auto client = Connect();
  std::string seen;
  last->On("message", [&](Socket& socket, Args, AckSender) {
    seen += "own ";
    socket.Off("message");  // while it runs
    socket.On("once", [&](Socket& again, Args, AckSender) {
      seen += "once ";
      again.On("once", [&](Socket&, Args, AckSender) { seen += "other "; });
    });
  });
  last->OnAny([&](Socket&, std::string_view event, const Args&) { seen += std::string(event) + ":"; });
  client->Send(R"(42["message"])");
  EXPECT_THAT(client->Take(), IsEmpty());
  client->Send(R"(42["once"])");
  client->Send(R"(42["once"])");
  client->Send(R"(42["message"])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back"])"));
  EXPECT_EQ(seen, "message:own once:once once:other message:");
}

TEST_F(SocketServerTest, ClientsLeaveNamespacesAndComeBack) {
  auto client = Connect();
  client->Send("40/custom,");
  client->Send("41");
  EXPECT_THAT(reasons, ElementsAre("client namespace disconnect"));
  client->Take();
  client->Send(R"(42/custom,["message","still"])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42/custom,["message-back","still"])"));
  client->Send("41/custom,");
  client->Send("40");
  client->Send(R"(42["message",1])");
  EXPECT_THAT(client->Take(), ElementsAre(StartsWith("40{"), R"(42["message-back",1])"));
  EXPECT_FALSE(client->closed());
}

TEST_F(SocketServerTest, TheServerDisconnectsASocketOrItsConnection) {
  auto client = Connect();
  client->Send("40/custom,");
  client->Take();
  const SocketRef custom = last;
  custom->Disconnect();
  EXPECT_THAT(client->Take(), ElementsAre("41/custom,"));
  EXPECT_FALSE(client->closed());
  EXPECT_FALSE(custom->connected());
  custom->Disconnect();
  custom->Emit("nothing");
  custom->Join("nowhere");
  EXPECT_EQ(custom->room_count(), 0u);
  EXPECT_THAT(client->Take(), IsEmpty());

  root().All().FetchSockets()[0]->Disconnect(true);
  EXPECT_EQ(client->link.close_code, 1000);
  EXPECT_THAT(client->Take(), IsEmpty());  // no DISCONNECT: the client shall come back
  EXPECT_THAT(reasons, ElementsAre("server namespace disconnect", "server namespace disconnect"));
}

TEST_F(SocketServerTest, ReasonsSayWhy) {
  Connect()->Gone();
  Connect()->Send("42{}");
  auto quiet = Connect();
  for (int i = 0; i < 5; ++i) Advance(10'000);
  EXPECT_TRUE(quiet->closed());
  auto open = Connect();
  server.CloseAll(1012);
  EXPECT_EQ(open->link.close_code, 1012);
  EXPECT_THAT(open->Take(), IsEmpty());
  EXPECT_THAT(reasons, ElementsAre("transport close", "parse error", "ping timeout", "server shutting down"));
}

TEST_F(SocketServerTest, FailingHandlersLeaveNothingHalfDone) {
  auto client = Connect();
  root().On("fail", [](Socket&, Args, AckSender) { throw std::runtime_error("on purpose"); });
  root().OnDisconnect([](Socket&, CloseReason) { throw std::runtime_error("on purpose"); });
  last->Join("a");
  last->EmitWithAck(1'000, [](Result<Args>) { throw std::runtime_error("on purpose"); }, "ask");
  client->Send("42[\"fail\"]");
  EXPECT_EQ(client->link.close_code, 1011);
  EXPECT_EQ(root().socket_count(), 0u);
  EXPECT_EQ(root().room_count(), 0u);
  client->Gone();
  EXPECT_EQ(server.engine().session_count(), 0u);
}

TEST_F(SocketServerTest, DataLivesAsLongAsTheConnection) {
  struct Data final : SessionData {
    explicit Data(bool& dead) : dead_(dead) {}
    ~Data() override { dead_ = true; }
    bool& dead_;
  };
  bool dead = false;
  auto client = Connect();
  last->set_data(std::make_unique<Data>(dead));
  bool there = false;
  root().OnDisconnect([&](Socket& socket, CloseReason) { there = socket.data() != nullptr; });
  client->Gone();
  EXPECT_TRUE(there);
  EXPECT_TRUE(dead);
  EXPECT_EQ(last->data(), nullptr);
}

TEST_F(SocketServerTest, PressureIsShownAndItsEndTold) {
  auto client = Connect();
  client->Send("40/custom,");
  client->Take();
  client->link.stuck = true;
  last->Emit("e");
  EXPECT_EQ(last->pending_bytes(), client->link.Pending());
  EXPECT_GT(last->pending_bytes(), 0u);
  EXPECT_FALSE(last->EmitVolatile("v"));
  last->NotifyDrained();
  client->Drain();
  EXPECT_EQ(drained, 2);  // each of its sockets
  EXPECT_TRUE(last->EmitVolatile("v"));
  EXPECT_THAT(client->Take(), ElementsAre(R"(42/custom,["e"])", R"(42/custom,["v"])"));
}

TEST_F(SocketServerTest, ReferencesOutliveEverything) {
  SocketRef kept;
  AckSender ack;
  {
    FakeClock own_clock;
    SocketServer own({}, own_clock);
    own.Of("/").On("e", [&](Socket& socket, Args, AckSender sender) {
      kept = SocketRef(socket);
      ack = std::move(sender);
    });
    FakeSocketClient client(own);
    client.Send("40");
    client.Send("421[\"e\"]");
    EXPECT_TRUE(ack);
    EXPECT_EQ(ack.socket(), kept.get());
    client.receiver = nullptr;  // the listener went first
  }
  EXPECT_FALSE(kept->connected());
  ack("too late");
  kept->Emit("too late");
  EXPECT_EQ(kept->pending_bytes(), 0u);
}

class ConnectGapTest : public SocketTest {
 protected:
  static SocketOptions WithGap() {
    SocketOptions options = Options();
    options.connect_gap = 20;
    return options;
  }
  ConnectGapTest() : SocketTest(WithGap()) {
    root().OnConnection([this](Socket& socket, const Handshake&) {
      last = SocketRef(socket);
      socket.Emit("hello");
    });
    client.Take();
    client.Send("40");
    EXPECT_THAT(client.Take(), ElementsAre(StartsWith("40{")));
  }
  FakeSocketClient client{server};
};

TEST_F(ConnectGapTest, TheAnswerGoesByItself) {
  EXPECT_GT(last->pending_bytes(), 0u);
  EXPECT_FALSE(last->writable());
  last->NotifyDrained();
  Advance(10);
  EXPECT_THAT(client.Take(), IsEmpty());
  Advance(30);
  EXPECT_THAT(client.Take(), ElementsAre(R"(42["hello"])"));
  EXPECT_TRUE(client.link.drain_asked);
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(last->writable());
}

TEST_F(ConnectGapTest, AClientThatSpeaksEndsIt) {
  client.Send(R"(42["message",1])");
  EXPECT_THAT(client.Take(), ElementsAre(R"(42["hello"])", R"(42["message-back",1])"));
}

TEST_F(ConnectGapTest, ClosingSendsWhatWasHeld) {
  last->Disconnect(true);
  EXPECT_THAT(client.Take(), ElementsAre(R"(42["hello"])"));
  EXPECT_TRUE(client.closed());
}

TEST_F(ConnectGapTest, GoesWithItsConnection) {
  client.Gone();
  EXPECT_EQ(server.engine().session_count(), 0u);
}

}  // namespace
}  // namespace tidings::realtime
