#include <tidings/realtime/socket_server.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_link.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The echo server of examples/socketio_echo.
class SocketServerTest : public ::testing::Test {
 protected:
  SocketServerTest() {
    for (const char* name : {"/", "/custom"}) {
      server.Of(name)
          .OnConnection([](Socket& socket, const Handshake& handshake) { socket.Emit("auth", handshake.auth); })
          .On("message", [](Socket& socket, Args args, AckSender) { socket.Emit("message-back", args); })
          .On("message-with-ack", [](Socket&, Args args, AckSender ack) { ack(args); })
          .OnDisconnect([this](Socket&, CloseReason reason) { reasons.emplace_back(Text(reason)); });
    }
  }

  // A client in "/".
  std::unique_ptr<FakeSocketClient> Connected() {
    auto client = std::make_unique<FakeSocketClient>(server);
    client->Send("40");
    client->Take();
    return client;
  }
  void Advance(Millis by) {
    clock.Advance(std::chrono::milliseconds(by));
    server.OnTick(clock.Steady());
  }

  FakeClock clock;
  SocketServer server{{.connect_timeout = 1'000}, clock};
  std::vector<std::string> reasons;
};

TEST_F(SocketServerTest, ConnectsAndShowsTheHandshakesPayload) {
  FakeSocketClient client(server);
  EXPECT_THAT(client.Take(), ElementsAre(StartsWith("0{\"sid\":")));
  client.Send(R"(40{"token":"123"})");
  EXPECT_THAT(client.Take(), ElementsAre(StartsWith("40{\"sid\":\""), R"(42["auth",{"token":"123"}])"));
  client.Send("40/custom,");
  EXPECT_THAT(client.Take(), ElementsAre(StartsWith("40/custom,{\"sid\":\""), R"(42/custom,["auth",{}])"));
}

TEST_F(SocketServerTest, EchoesByteForByte) {
  auto client = Connected();
  client->Send(R"(42["message",1,"2",{"3":[true]}, 1.10, 0.1e1])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back",1,"2",{"3":[true]}, 1.10, 0.1e1])"));
  client->Send(R"(42["message"])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["message-back"])"));
  client->Send(R"(42456["message-with-ack",1,"2",{"3":[false]}])");
  EXPECT_THAT(client->Take(), ElementsAre(R"(43456[1,"2",{"3":[false]}])"));
}

TEST_F(SocketServerTest, EchoesBinary) {
  auto client = Connected();
  client->Send(R"(452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  EXPECT_THAT(client->Take(), IsEmpty());
  client->SendBinary("abc");
  client->SendBinary(std::string_view("\0\1", 2));
  EXPECT_THAT(client->Take(),
              ElementsAre(R"(462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])", "b:abc",
                          std::string("b:\0\1", 4)));
}

TEST_F(SocketServerTest, RefusesAnUnknownNamespace) {
  FakeSocketClient client(server);
  client.Take();
  client.Send("40/random");
  EXPECT_THAT(client.Take(), ElementsAre(R"(44/random,{"message":"Invalid namespace"})"));
  EXPECT_FALSE(client.closed());
}

}  // namespace
}  // namespace tidings::realtime
