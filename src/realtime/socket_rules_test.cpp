// Clients that break the rules, and the limits that keep them small.
#include "testing/socket_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using SocketRulesTest = SocketTest;

constexpr std::string_view kOneAttachment = R"(451-["message",{"_placeholder":true,"num":0}])";

TEST_F(SocketRulesTest, ABadPacketClosesAndNothingIsAnswered) {
  for (const char* packet : {"4", "4abc", "42{}", "42[]", "42[1]", R"(42["disconnect"])", "42abc[\"message\",1]",
                             "44{}", "43[]", R"(42["message"]x)", "450-[\"message\"]"}) {
    SCOPED_TRACE(packet);
    reasons.clear();
    auto client = Connect();
    client->Send(packet);
    client->Send(R"(42["message","after"])");
    EXPECT_EQ(client->link.close_code, 1002);
    EXPECT_THAT(client->Take(), IsEmpty());
    EXPECT_THAT(reasons, ElementsAre("parse error"));
  }
}

TEST_F(SocketRulesTest, BinaryWithoutAHeaderCloses) {
  auto client = Connect();
  client->SendBinary("x");
  EXPECT_TRUE(client->closed());
}

TEST_F(SocketRulesTest, TextBetweenAttachmentsCloses) {
  auto client = Connect();
  client->Send(kOneAttachment);
  client->Send(R"(42["message"])");
  EXPECT_TRUE(client->closed());
  EXPECT_THAT(client->Take(), IsEmpty());
}

TEST_F(SocketRulesTest, HeartbeatsMayComeBetweenAttachments) {
  auto client = Connect();
  client->Send(kOneAttachment);
  client->Send("3");
  client->SendBinary("x");
  EXPECT_EQ(client->Take().size(), 2u);
}

TEST_F(SocketRulesTest, AttachmentsHaveATimeLimit) {
  auto client = Connect();
  client->Send(kOneAttachment);
  Advance(1'990);
  EXPECT_FALSE(client->closed());
  Advance(50);
  EXPECT_TRUE(client->closed());
  auto other = Connect();
  other->Send(kOneAttachment);
  other->SendBinary("x");
  Advance(5'000);
  EXPECT_FALSE(other->closed());
}

TEST_F(SocketRulesTest, AttachmentsHaveASizeLimitTogether) {
  auto client = Connect();
  client->Send(R"(452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  client->SendBinary(std::string(6'000, 'x'));
  EXPECT_FALSE(client->closed());
  client->SendBinary(std::string(6'000, 'x'));
  EXPECT_TRUE(client->closed());
}

TEST_F(SocketRulesTest, AttachmentsTogetherMayBeMoreThanAMessage) {
  SocketOptions options = Options();
  options.max_attachments = 1'000;
  options.max_attachment_bytes = 15'000;
  SocketServer large(options, clock);
  std::size_t got = 0;
  large.Of("/").On("message", [&](Socket&, const Args& args, AckSender) { got = args.attachments().size(); });
  FakeSocketClient client(large);
  client.Send("40");
  client.Send(R"(452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  for (int i = 0; i < 2; ++i) client.SendBinary(std::string(7'000, 'x'));
  EXPECT_EQ(got, 2U);
  client.Send(R"(452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  for (int i = 0; i < 2; ++i) client.SendBinary(std::string(8'000, 'x'));
  EXPECT_TRUE(client.closed());
}

TEST_F(SocketRulesTest, NoConnectInTimeCloses) {
  FakeSocketClient silent(server);
  FakePollingClient polling(server);
  auto good = Connect();
  Advance(990);
  EXPECT_FALSE(silent.closed());
  Advance(40);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(polling.Poll()->body(), "1");
  EXPECT_FALSE(good->closed());
}

TEST_F(SocketRulesTest, LeavingEverythingStartsTheTimeAnew) {
  auto client = Connect();
  Advance(5'000);
  client->Send("41");
  Advance(990);
  EXPECT_FALSE(client->closed());
  Advance(40);
  EXPECT_TRUE(client->closed());
}

TEST_F(SocketRulesTest, AnythingBeforeConnectCloses) {
  for (const char* packet : {R"(42["message",1])", R"(42/custom,["message",1])", "41", "430[]"}) {
    FakeSocketClient client(server);
    client.Take();
    client.Send(packet);
    EXPECT_TRUE(client.closed()) << packet;
    EXPECT_THAT(client.Take(), IsEmpty());
  }
  FakeSocketClient client(server);
  client.Send(kOneAttachment);
  client.SendBinary("x");
  EXPECT_TRUE(client.closed());
}

TEST_F(SocketRulesTest, AnEventToAnotherNamespaceCloses) {
  auto client = Connect();
  client->Send(R"(42/custom,["message",1])");
  EXPECT_TRUE(client->closed());
  EXPECT_THAT(reasons, ElementsAre("forced close"));
}

TEST_F(SocketRulesTest, ASecondConnectCloses) {
  auto client = Connect();
  client->Send("40");
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(root().socket_count(), 0u);
}

TEST_F(SocketRulesTest, UnknownNamespacesAreRefusedAndCounted) {
  FakeSocketClient client(server);
  client.Take();
  client.Send("40/random");
  EXPECT_THAT(client.Take(), ElementsAre(R"(44/random,{"message":"Invalid namespace"})"));
  for (int i = 0; i < 10'000 && !client.closed(); ++i) client.Send("40/unknown" + std::to_string(i));
  EXPECT_TRUE(client.closed());
  EXPECT_LE(client.Take().size(), 16u);
}

TEST_F(SocketRulesTest, ALongNamespaceCloses) {
  FakeSocketClient client(server);
  client.Take();
  client.Send("40/" + std::string(9'000, 'a') + ",");
  EXPECT_TRUE(client.closed());
  EXPECT_THAT(client.Take(), IsEmpty());
}

TEST_F(SocketRulesTest, AnswersThatNobodyAskedForAreIgnored) {
  auto client = Connect();
  for (const char* packet : {"430[]", "43999[\"x\"]", "439007199254740993[\"x\"]", "4318446744073709551616[]"}) {
    client->Send(packet);
  }
  client->Send(R"(429007199254740993["message-with-ack",1])");  // an id that no client can name
  client->Send(R"(42["message",1])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back",1])"));
}

TEST_F(SocketRulesTest, OddButValidJsonIsPassedOn) {
  auto client = Connect();
  for (const char* value : {R"({"__proto__":{"a":1}})", R"({"a":1,"a":2})", R"("\u0000")", "-0", "1e-400",
                            "123456789012345678901234567890", R"({"_placeholder":true,"num":0})"}) {
    client->Send("42[\"message\"," + std::string(value) + "]");
    EXPECT_THAT(client->Take(), ElementsAre("42[\"message-back\"," + std::string(value) + "]"));
  }
}

TEST_F(SocketRulesTest, ABadPacketByPollingClosesTheSession) {
  FakePollingClient client(server);
  client.Post("40");
  client.Poll();
  EXPECT_EQ(client.Post("42{}")->status(), 400);
  EXPECT_EQ(client.Poll()->body(), "1");
  EXPECT_EQ(client.Poll()->status(), 400);
}

TEST_F(SocketRulesTest, HandshakesCanBeChecked) {
  server.OnHandshake([](const HttpRequest& request) -> std::optional<HttpAnswer> {
    if (request.remote_address != "192.0.2.1") return std::nullopt;
    return HttpAnswer(429, "text/plain", "");
  });
  EXPECT_EQ(FakePollingClient(server).opened->status(), 429);
}

}  // namespace
}  // namespace tidings::realtime
