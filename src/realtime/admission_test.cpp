#include "testing/socket_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class AdmissionTest : public SocketTest {
 protected:
  // Lets the admissions wait.
  void Hold() {
    root().Use([this](const Handshake&, Admission admission) { held.push_back(std::move(admission)); });
  }
  std::unique_ptr<FakeSocketClient> Waiting() {
    auto client = std::make_unique<FakeSocketClient>(server);
    client->Send("40{\"token\":\"t\"}");
    client->Take();
    return client;
  }
  std::vector<Admission> held;
};

TEST_F(AdmissionTest, MiddlewareIsAskedInOrder) {
  std::string order;
  root().Use([&](const Handshake& handshake, Admission admission) {
    order += "1" + std::string(handshake.auth.at("token").as_string());
    admission.Accept();
  });
  root().Use([&](const Handshake&, Admission admission) {
    order += "2";
    admission.Accept();
  });
  auto client = Waiting();
  EXPECT_EQ(order, "1t2");
  EXPECT_TRUE(last);
}

TEST_F(AdmissionTest, RefusalsGoToTheClient) {
  root().Use([](const Handshake&, Admission admission) { admission.Refuse("not you", R"({"code":"unauthorized"})"); });
  root().Use([](const Handshake&, Admission) { FAIL(); });
  FakeSocketClient client(server);
  client.Take();
  client.Send("40");
  EXPECT_THAT(client.Take(), ElementsAre(R"(44{"message":"not you","data":{"code":"unauthorized"}})"));
  EXPECT_FALSE(client.closed());
  client.Send("40/custom,");
  EXPECT_THAT(client.Take(), ElementsAre(StartsWith("40/custom,{")));
  EXPECT_EQ(root().socket_count(), 0u);
}

TEST_F(AdmissionTest, RefusalsAreCounted) {
  root().Use([](const Handshake&, Admission admission) { admission.Refuse("no"); });
  FakeSocketClient client(server);
  for (int i = 0; i < 100 && !client.closed(); ++i) client.Send("40");
  EXPECT_TRUE(client.closed());
}

TEST_F(AdmissionTest, MayBeAnsweredLater) {
  Hold();
  auto client = Waiting();
  EXPECT_THAT(client->Take(), IsEmpty());
  EXPECT_TRUE(held[0].waiting());
  EXPECT_EQ(held[0].handshake().auth.at("token"), "t");
  held[0].Accept();
  EXPECT_FALSE(held[0].waiting());
  EXPECT_THAT(client->Take(), ElementsAre(StartsWith("40{")));
  held[0].Accept();
  held[0].Refuse("twice");
  EXPECT_THAT(client->Take(), IsEmpty());
}

TEST_F(AdmissionTest, TheApplicationChoosesIdsAndData) {
  struct Data final : SessionData {
    int number = 5;
  };
  root().Use([](const Handshake&, Admission admission) {
    admission.Accept({.id = "fixed-id", .pid = "pid", .data = std::make_unique<Data>()});
  });
  root().Use([](const Handshake&, Admission admission) { admission.Accept({.pid = "other-pid"}); });
  FakeSocketClient client(server);
  client.Take();
  client.Send("40");
  EXPECT_THAT(client.Take(), ElementsAre(R"(40{"sid":"fixed-id","pid":"other-pid"})"));
  EXPECT_EQ(last->id(), "fixed-id");
  EXPECT_EQ(static_cast<Data*>(last->data())->number, 5);
  EXPECT_EQ(root().Find("fixed-id"), last.get());

  // The same client comes back before its old connection was found dead.
  FakeSocketClient again(server);
  again.Send("40");
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(root().socket_count(), 1u);
  EXPECT_NE(root().Find("fixed-id"), nullptr);
  EXPECT_THAT(reasons, ElementsAre("forced close"));
  client.Gone();
  EXPECT_EQ(root().socket_count(), 1u);
}

TEST_F(AdmissionTest, AClientThatGoesIsForgotten) {
  Hold();
  auto client = Waiting();
  client->Gone();
  EXPECT_FALSE(held[0].waiting());
  held[0].Accept();
  EXPECT_EQ(root().socket_count(), 0u);
}

TEST_F(AdmissionTest, AClientMayChangeItsMind) {
  Hold();
  auto client = Waiting();
  client->Send("41");
  EXPECT_FALSE(client->closed());
  held[0].Accept();
  EXPECT_EQ(root().socket_count(), 0u);
  client->Send("40");
  held[1].Accept();
  EXPECT_EQ(root().socket_count(), 1u);
}

TEST_F(AdmissionTest, NothingMayComeWhileItIsOpen) {
  Hold();
  auto event = Waiting();
  event->Send(R"(42["message"])");
  EXPECT_TRUE(event->closed());
  auto twice = Waiting();
  twice->Send("40");
  EXPECT_TRUE(twice->closed());
  for (Admission& one : held) EXPECT_FALSE(one.waiting());
}

TEST_F(AdmissionTest, AnAnswerThatNeverComesClosesInTheEnd) {
  Hold();
  auto client = Waiting();
  Advance(1'030);
  EXPECT_TRUE(client->closed());
  EXPECT_FALSE(held[0].waiting());
}

TEST_F(AdmissionTest, DroppedOrClosedItEndsTheTransportAlone) {
  Hold();
  auto dropped = Waiting();
  held.clear();
  EXPECT_TRUE(dropped->closed());
  EXPECT_THAT(dropped->Take(), IsEmpty());
  auto closed = Waiting();
  held[0].Close();
  EXPECT_TRUE(closed->closed());
  EXPECT_THAT(closed->Take(), IsEmpty());
}

TEST_F(AdmissionTest, MayOutliveTheServer) {
  std::optional<Admission> late;
  {
    SocketServer own({}, clock);
    own.Of("/").Use([&](const Handshake&, Admission admission) { late.emplace(std::move(admission)); });
    FakeSocketClient client(own);
    client.Send("40");
    client.receiver = nullptr;
  }
  EXPECT_FALSE(late->waiting());
  late->Accept();
}

TEST_F(AdmissionTest, NoEventIsLostRightAfterConnect) {
  FakePollingClient client(server);
  client.Post(
      "40\x1e"
      "42[\"message\",1]");
  const std::string body = client.Poll()->body();
  EXPECT_THAT(body, ::testing::EndsWith("\x1e"
                                        "42[\"message-back\",1]"));
}

}  // namespace
}  // namespace tidings::realtime
