#include <gmock/gmock.h>

#include "deflate.hpp"
#include "testing/frames.hpp"
#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using WebSocketServerTest = ServerTest;

std::string ServerFrame(std::string_view payload, Opcode opcode = Opcode::kText) {
  std::string frame;
  AppendFrameHeader(frame, opcode, payload.size());
  return frame.append(payload);
}

TEST_F(WebSocketServerTest, SendsMessagesBack) {
  Start();
  Client client = Connect();
  Upgrade(client);
  client.Send(ClientFrame("hello") + ClientFrame("bytes", {.opcode = 2}));
  const std::string expected = ServerFrame("hello") + ServerFrame("bytes", Opcode::kBinary);
  EXPECT_EQ(client.Bytes(expected.size()), expected);
  const std::string big(200'000, 'x');
  client.Send(ClientFrame(big));
  EXPECT_EQ(client.Bytes(ServerFrame(big).size()), ServerFrame(big));
}

TEST_F(WebSocketServerTest, TakesFramesThatComeWithTheHandshake) {
  Start();
  Client client = Connect();
  client.Send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
      ClientFrame("early"));
  EXPECT_THAT(client.Answer(), HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_EQ(client.Bytes(7), ServerFrame("early"));
}

TEST_F(WebSocketServerTest, TakesBytesOneByOneWithPingsBetweenFragments) {
  Start();
  Client client = Connect();
  Upgrade(client);
  const std::string bytes =
      ClientFrame("he", {.final = false}) + ClientFrame("p", {.opcode = 9}) + ClientFrame("llo", {.opcode = 0});
  for (const char c : bytes) client.Send({&c, 1});
  const std::string expected = ServerFrame("p", Opcode::kPong) + ServerFrame("hello");
  EXPECT_EQ(client.Bytes(expected.size()), expected);
}

TEST_F(WebSocketServerTest, EndsConnectionsThatBreakTheRules) {
  Start();
  handler_.max_message = 1000;
  const std::pair<std::string, int> cases[] = {
      {ClientFrame("x", {.masked = false}), 1002},
      {ClientFrame("\xff"), 1007},
      {ClientHeader({}, std::uint64_t{1} << 63), 1009},
      {ClientFrame("x", {.opcode = 8}), 1002},
  };
  int closed = 0;
  for (const auto& [bytes, code] : cases) {
    Client client = Connect();
    Upgrade(client);
    client.Send(bytes + ClientFrame("unheard"));
    const std::string close = client.Bytes(4);
    EXPECT_EQ(close.substr(0, 1), "\x88");
    EXPECT_EQ(close.substr(2), CloseBody(code));
    EXPECT_TRUE(client.Ended());
    EXPECT_EQ(handler_.closed, ++closed);
  }
  EXPECT_TRUE(handler_.messages.empty());
  EXPECT_EQ(stats().websocket_errors, 4u);
}

TEST_F(WebSocketServerTest, AnswersACloseAndEnds) {
  Start();
  Client client = Connect();
  Upgrade(client);
  client.Send(ClientFrame(CloseBody(1000, "bye"), {.opcode = 8}) + ClientFrame("unheard"));
  EXPECT_EQ(client.Bytes(4), ServerFrame(CloseBody(1000), Opcode::kClose));
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(handler_.closed, 1);
  EXPECT_TRUE(handler_.messages.empty());
}

TEST_F(WebSocketServerTest, ClosesAfterWhatIsQueued) {
  Start();
  Client client = Connect();
  Upgrade(client);
  handler_.link->Send(realtime::Frame::Text("last"));
  handler_.link->Close(1012, "restart");
  EXPECT_EQ(handler_.closed, 0);  // never from within
  const std::string expected = ServerFrame("last") + ServerFrame(CloseBody(1012, "restart"), Opcode::kClose);
  EXPECT_EQ(client.Bytes(expected.size()), expected);
  EXPECT_EQ(handler_.closed, 1);
  client.Send(ClientFrame("unheard") + ClientFrame(CloseBody(1012), {.opcode = 8}));
  EXPECT_TRUE(client.Ended());
  EXPECT_TRUE(handler_.messages.empty());
  client.Close();
  Client other = Connect();
  EXPECT_TRUE(other.Until([&] { return stats().connections_open == 1; }));
}

TEST_F(WebSocketServerTest, DoesNotWaitForeverForAClose) {
  Start();
  Client client = Connect();
  Upgrade(client);
  handler_.link->Close(1001, "");
  client.Now();
  Pass(milliseconds(2'300));
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(stats().timed_out_closing, 1u);
}

TEST_F(WebSocketServerTest, TellsOfPeersThatVanish) {
  Start();
  {
    Client client = Connect();
    Upgrade(client);
    client.Send(ClientFrame("half", {.final = false}));
  }
  Client other = Connect();
  EXPECT_TRUE(other.Until([&] { return handler_.closed == 1; }));
  EXPECT_EQ(stats().input_held, 0u);
  EXPECT_EQ(stats().websockets_open, 0u);
}

TEST_F(WebSocketServerTest, GathersATurnIntoOneWrite) {
  Start();
  Client client = Connect();
  Upgrade(client);
  const auto before = stats().writes.Get();
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    handler_.link->Send(realtime::Frame::Text("message"));
    expected += ServerFrame("message");
  }
  EXPECT_EQ(handler_.link->Pending(), expected.size());
  EXPECT_EQ(client.Bytes(expected.size()), expected);
  EXPECT_EQ(stats().writes - before, 1u);
}

TEST_F(WebSocketServerTest, WritesToManyInOneBatch) {
  Start();
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<realtime::WebSocketLink*> links;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<Client>(loop_, port_));
    Upgrade(*clients.back());
    links.push_back(handler_.link);
  }
  const auto shared = realtime::Frame::Text("for all");
  for (auto* link : links) {
    link->Send(shared);
    link->Send(realtime::Frame::Text("and this"));
  }
  const std::string expected = ServerFrame("for all") + ServerFrame("and this");
  for (auto& client : clients) EXPECT_EQ(client->Bytes(expected.size()), expected);
  if (stats().batches == 0) GTEST_SKIP() << "the kernel gives no io_uring here";
  EXPECT_EQ(stats().batches, 1u);
}

TEST_F(WebSocketServerTest, ReadsFromManyConnectionsByOneCall) {
  Start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<Client>(loop_, port_));
    Upgrade(*clients.back());
  }
  // Some more than a batch reads of one.
  const auto text = [](std::size_t i) { return i % 4 == 0 ? std::string(10'000, 'a' + i % 26) : std::to_string(i); };
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i]->Leave(ClientFrame(text(i)));
    sent.push_back(text(i));
  }
  EXPECT_TRUE(clients[0]->Until([&] { return handler_.messages.size() == sent.size(); }));
  EXPECT_THAT(handler_.messages, testing::UnorderedElementsAreArray(sent));
  if (stats().read_batches == 0) GTEST_SKIP() << "the kernel gives no io_uring here";
  EXPECT_EQ(stats().read_batches, 1u);
}

TEST_F(WebSocketServerTest, TellsWhenOutputHasDrained) {
  Start();
  Client client = Connect();
  Upgrade(client);
  const std::string big(8'000'000, 'x');
  handler_.link->Send(realtime::Frame::Text("small"));
  client.Now();
  EXPECT_EQ(handler_.drained, 0);
  handler_.link->Send(realtime::Frame::Binary(big));
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(0));
  EXPECT_GT(handler_.link->Pending(), 0u);
  EXPECT_EQ(handler_.drained, 0);
  EXPECT_TRUE(client.Until([&] { return handler_.drained == 1; }));
  EXPECT_EQ(handler_.link->Pending(), 0u);
}

TEST_F(WebSocketServerTest, TellsOfDrainedOutputWhereItIsAskedTo) {
  Start();
  Client client = Connect();
  Upgrade(client);
  handler_.link->Send(realtime::Frame::Text("small"));
  handler_.link->NotifyDrained();
  EXPECT_EQ(handler_.drained, 0);
  client.Now();
  EXPECT_EQ(handler_.drained, 1);
  handler_.link->NotifyDrained();  // with nothing pending at all
  client.Now();
  EXPECT_EQ(handler_.drained, 2);
}

TEST_F(WebSocketServerTest, ReceiversMayCloseFromWithinMessages) {
  Start();
  handler_.on_message = [&] {
    if (handler_.link != nullptr) handler_.link->Close(1000, "enough");
  };
  Client client = Connect();
  Upgrade(client);
  client.Send(ClientFrame("one") + ClientFrame("two"));
  client.Bytes(5);
  EXPECT_TRUE(client.Until([&] { return handler_.closed == 1; }));
  EXPECT_THAT(handler_.messages, ElementsAre("one"));
}

TEST_F(WebSocketServerTest, AnswersFloodsOfPingsWithinBounds) {
  Start();
  Client client = Connect();
  Upgrade(client);
  const std::string big(8'000'000, 'x');
  handler_.link->Send(realtime::Frame::Binary(big));
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(0));
  const std::size_t pending = handler_.link->Pending();
  std::string pings;
  for (int i = 0; i < 1'000; ++i) pings += ClientFrame(std::string(125, 'p'), {.opcode = 9});
  client.Send(pings);
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(0));
  EXPECT_LE(handler_.link->Pending(), pending);
}

TEST_F(WebSocketServerTest, RefusesUpgradesAsTheHandlerSays) {
  Start();
  handler_.refuse_upgrade = true;
  Client client = Connect();
  client.Send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
      kGet);
  EXPECT_EQ(client.Status(), 403);
  EXPECT_EQ(client.Status(), 200);  // the connection goes on with HTTP
}

TEST_F(WebSocketServerTest, StopSaysGoingAway) {
  Start();
  Client client = Connect();
  Upgrade(client);
  int stopped = 0;
  server_->Stop(seconds(5), [&] { ++stopped; });
  EXPECT_EQ(client.Bytes(4), ServerFrame(CloseBody(1001), Opcode::kClose));
  client.Send(ClientFrame(CloseBody(1001), {.opcode = 8}));
  EXPECT_TRUE(client.Ended());
  client.Close();
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(1));
  EXPECT_EQ(stopped, 1);
  EXPECT_EQ(handler_.closed, 1);
}

TEST_F(WebSocketServerTest, CompressesWhereItWasAgreed) {
  Start({.deflate = true});
  Client plain = Connect();
  Upgrade(plain);
  auto* plain_link = handler_.link;
  Client client = Connect();
  client.Send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
  EXPECT_THAT(client.Answer(), HasSubstr("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
  const std::string text(1'000, 'x');
  const auto frame = realtime::Frame::Text(text);
  handler_.link->Send(frame);
  plain_link->Send(frame);
  EXPECT_EQ(plain.Bytes(ServerFrame(text).size()), ServerFrame(text));
  const std::string header = client.Bytes(2);
  EXPECT_EQ(header[0], '\xc1');
  std::string inflated;
  EXPECT_EQ(InflateMessage(client.Bytes(static_cast<unsigned char>(header[1])), 10'000, inflated),
            InflateResult::kWhole);
  EXPECT_EQ(inflated, text);
  handler_.echo = false;
  client.Send(ClientFrame(DeflateMessage(text), {.rsv = 4}));
  EXPECT_TRUE(client.Until([&] { return !handler_.messages.empty(); }));
  EXPECT_EQ(handler_.messages.back(), text);
}

}  // namespace
}  // namespace tidings::net
