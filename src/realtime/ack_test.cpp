#include "testing/socket_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AckTest : public SocketTest {
 protected:
  AckCallback Remember() {
    return [this](Result<Args> answer) {
      answers.push_back(answer ? answer->text() : std::string(WireCode(answer.error().code())));
      if (answer && answer->binary(0) != nullptr) answers.back() += " " + *answer->binary(0);
    };
  }
  std::unique_ptr<FakeSocketClient> client = Connect();
  std::vector<std::string> answers;
};

TEST_F(AckTest, ClientsAnswer) {
  last->EmitWithAck(1'000, Remember(), "ask", 1);
  last->EmitWithAck(1'000, Remember(), "ask", 2);
  EXPECT_THAT(client->Take(), ElementsAre(R"(420["ask",1])", R"(421["ask",2])"));
  client->Send("431[\"two\", 2]");
  client->Send("430[]");
  client->Send("430[\"again\"]");
  EXPECT_THAT(answers, ElementsAre(R"("two", 2)", ""));
  Advance(2'000);
  EXPECT_EQ(answers.size(), 2u);
}

TEST_F(AckTest, ClientsAnswerWithBinary) {
  last->EmitWithAck(1'000, Remember(), "ask", Binary{"x"});
  EXPECT_THAT(client->Take(), ElementsAre(R"(451-0["ask",{"_placeholder":true,"num":0}])", "b:x"));
  client->Send(R"(461-0[{"_placeholder":true,"num":0}])");
  EXPECT_THAT(answers, IsEmpty());
  client->SendBinary("y");
  EXPECT_THAT(answers, ElementsAre(R"({"_placeholder":true,"num":0} y)"));
}

TEST_F(AckTest, TimeIsLimited) {
  last->EmitWithAck(1'000, Remember(), "ask");
  Advance(990);
  EXPECT_THAT(answers, IsEmpty());
  Advance(40);
  EXPECT_THAT(answers, ElementsAre("timeout"));
  client->Send("430[\"late\"]");
  EXPECT_EQ(answers.size(), 1u);
}

TEST_F(AckTest, ASocketThatGoesAnswersNothing) {
  last->EmitWithAck(1'000, Remember(), "ask");
  client->Gone();
  EXPECT_THAT(answers, ElementsAre("unavailable"));
  last->EmitWithAck(1'000, Remember(), "ask");
  EXPECT_THAT(answers, ElementsAre("unavailable", "unavailable"));
}

TEST_F(AckTest, CallbacksMayAskAgain) {
  last->EmitWithAck(1'000, [&](Result<Args>) { last->EmitWithAck(1'000, Remember(), "again"); }, "ask");
  client->Take();
  client->Send("430[]");
  EXPECT_THAT(client->Take(), ElementsAre(R"(421["again"])"));
  client->Send("431[1]");
  EXPECT_THAT(answers, ElementsAre("1"));
}

TEST_F(AckTest, HandlersAnswerLaterAndOnce) {
  AckSender later;
  root().On("slow", [&](Socket&, Args, AckSender ack) { later = std::move(ack); });
  client->Send("425[\"slow\"]");
  EXPECT_THAT(client->Take(), IsEmpty());
  later("done", Binary{"b"});
  EXPECT_FALSE(later);
  later("twice");
  EXPECT_THAT(client->Take(), ElementsAre(R"(461-5["done",{"_placeholder":true,"num":0}])", "b:b"));
}

TEST_F(AckTest, ALateAnswerToASocketThatWentIsDropped) {
  AckSender later;
  root().On("slow", [&](Socket&, Args, AckSender ack) { later = std::move(ack); });
  client->Send("425[\"slow\"]");
  client->Gone();
  later("done");
}

TEST_F(AckTest, AHandlerMayDisconnectAndAnswer) {
  root().On("bye", [&](Socket& socket, Args, AckSender ack) {
    ack("bye");
    socket.Disconnect(true);
    ack("more");
  });
  client->Send("425[\"bye\"]");
  client->Send("426[\"bye\"]");
  EXPECT_THAT(client->Take(), ElementsAre(R"(435["bye"])"));
  EXPECT_TRUE(client->closed());
}

}  // namespace
}  // namespace tidings::realtime
