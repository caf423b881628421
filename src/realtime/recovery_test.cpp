#include "testing/socket_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Counter final : SessionData {
  int count = 0;
};

class RecoveryTest : public SocketTest {
 protected:
  static SocketOptions WithRecovery() {
    SocketOptions options = Options();
    options.recovery = {.max_disconnection = 60'000, .max_packets = 5};
    return options;
  }
  RecoveryTest() : SocketTest(WithRecovery()) {
    root().Use([this](const Handshake&, Admission admission) {
      ++asked;
      admission.Accept({.data = std::make_unique<Counter>()});
    });
  }
  static std::string Field(const std::string& packet, const std::string& name) {
    const std::size_t begin = packet.find("\"" + name + "\":\"") + name.size() + 4;
    return packet.substr(begin, packet.find('"', begin) - begin);
  }
  // The last argument.
  static std::string Offset(const std::string& packet) {
    const std::size_t end = packet.rfind('"');
    const std::size_t begin = packet.rfind('"', end - 1) + 1;
    return packet.substr(begin, end - begin);
  }
  void Open() {
    client = std::make_unique<FakeSocketClient>(server);
    client->Take();
    client->Send("40");
    const std::string answer = client->Take().at(0);
    id = Field(answer, "sid");
    pid = Field(answer, "pid");
  }
  // Comes back with what it knows.
  std::vector<std::string> Reopen(const std::string& offset) {
    client = std::make_unique<FakeSocketClient>(server);
    client->Take();
    client->Send("40{\"pid\":\"" + pid + "\"" + (offset.empty() ? "" : ",\"offset\":\"" + offset + "\"") + "}");
    return client->Take();
  }

  std::unique_ptr<FakeSocketClient> client;
  std::string id;
  std::string pid;
  int asked = 0;
};

TEST_F(RecoveryTest, BringsBackIdRoomsDataAndWhatWasMissed) {
  Open();
  last->Join("a");
  static_cast<Counter*>(last->data())->count = 7;
  root().To("a").Emit("e", 1);
  const auto received = client->Take();
  ASSERT_THAT(received, ElementsAre(MatchesRegex(R"(42\["e",1,"[A-Za-z0-9_-]{6}\.0"\])")));
  client->Gone();
  root().To("a").Emit("e", 2);
  root().To("other").Emit("e", 3);
  root().Except("a").Emit("e", 4);
  root().Emit("e", Binary{"5"});
  const auto back = Reopen(Offset(received[0]));
  ASSERT_THAT(back, SizeIs(4));
  EXPECT_EQ(back[0], "40{\"sid\":\"" + id + "\",\"pid\":\"" + pid + "\"}");
  EXPECT_THAT(back[1], StartsWith(R"(42["e",2,)"));
  EXPECT_THAT(back[2], StartsWith(R"(451-["e",{)"));
  EXPECT_EQ(back[3], "b:5");
  EXPECT_TRUE(last->recovered());
  EXPECT_TRUE(last->InRoom("a"));
  EXPECT_EQ(static_cast<Counter*>(last->data())->count, 7);
  EXPECT_EQ(asked, 1);
}

TEST_F(RecoveryTest, NeedsNoOffsetFromAClientThatReceivedNothing) {
  root().Emit("before");
  Open();
  client->Gone();
  root().Emit("missed");
  const auto back = Reopen("");
  EXPECT_THAT(back, ElementsAre(StartsWith("40{"), StartsWith(R"(42["missed",)")));
}

TEST_F(RecoveryTest, ReplacesAConnectionThatIsNotKnownToBeDead) {
  Open();
  last->Join("a");
  auto half_open = std::move(client);
  root().To("a").Emit("lost on the way");
  const auto back = Reopen("");
  EXPECT_TRUE(half_open->closed());
  EXPECT_THAT(back, ElementsAre(StartsWith("40{"), StartsWith(R"(42["lost on the way",)")));
  EXPECT_EQ(root().socket_count(), 1u);
}

TEST_F(RecoveryTest, StartsAnewWhereItCannot) {
  const auto expect_fresh = [&](const std::string& offset) {
    const std::string former = id;
    const auto back = Reopen(offset);
    ASSERT_THAT(back, ElementsAre(StartsWith("40{")));
    EXPECT_NE(Field(back[0], "sid"), former);
    EXPECT_NE(Field(back[0], "pid"), pid);
    EXPECT_FALSE(last->recovered());
  };
  Open();
  client->Gone();
  Advance(60'010);
  expect_fresh("");  // too late

  Open();
  client->Send("41");
  client->Gone();
  expect_fresh("");  // it left of its own

  for (const char* offset : {"nonsense", "abcdef.0", "123456.99999999", "abcdef."}) {
    Open();
    client->Gone();
    expect_fresh(offset);
  }

  Open();
  client->Gone();
  for (int i = 0; i < 10; ++i) root().Emit("flood");
  expect_fresh("");  // what it missed is not there any more

  Open();
  client->Gone();
  pid = "unknown";
  expect_fresh("");
}

TEST_F(RecoveryTest, WhatHasNoOffsetIsNotRepeated) {
  Open();
  last->EmitVolatile("v");
  last->EmitWithAck(1'000, [](Result<Args>) {}, "ask");
  last->Send(EncodeEventText("/", "raw", ""));
  EXPECT_THAT(client->Take(), ElementsAre(R"(42["v"])", R"(420["ask"])", R"(42["raw"])"));
}

}  // namespace
}  // namespace tidings::realtime
