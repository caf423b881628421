#include "testing/socket_fixture.hpp"

#include <map>
#include <random>
#include <set>

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RoomTest : public SocketTest {
 protected:
  RoomTest() {
    for (int i = 0; i < 4; ++i) {
      clients.push_back(Connect());
      sockets.push_back(last);
    }
    sockets[0]->Join("a");
    sockets[1]->Join("a");
    sockets[1]->Join("b");
    sockets[2]->Join("b");
  }
  // Who got something, as digits; each exactly one packet.
  std::string Receivers() {
    std::string who;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      for (std::size_t n = clients[i]->Take().size(); n > 0; --n) who += static_cast<char>('0' + i);
    }
    return who;
  }

  std::vector<std::unique_ptr<FakeSocketClient>> clients;
  std::vector<SocketRef> sockets;
};

TEST_F(RoomTest, BroadcastsReachWhomTheyName) {
  root().Emit("e");
  EXPECT_EQ(Receivers(), "0123");
  root().To("a").Emit("e");
  EXPECT_EQ(Receivers(), "01");
  root().In("a").To("b").Emit("e");
  EXPECT_EQ(Receivers(), "012");  // once each
  root().Except("a").Emit("e");
  EXPECT_EQ(Receivers(), "23");
  root().To("b").Except("a").Emit("e");
  EXPECT_EQ(Receivers(), "2");
  root().To("nowhere").Emit("e");
  EXPECT_EQ(Receivers(), "");
  root().To(sockets[3]->id()).To("b").Except(sockets[1]->id()).Emit("e");
  EXPECT_EQ(Receivers(), "23");
  sockets[1]->To("a").Emit("e");
  EXPECT_EQ(Receivers(), "0");
  sockets[1]->ToOthers().Emit("e");
  EXPECT_EQ(Receivers(), "023");
  sockets[0]->Except("b").Emit("e");
  EXPECT_EQ(Receivers(), "3");
  const Broadcast kept = root().To("a");
  kept.To("b").Emit("e");
  EXPECT_EQ(Receivers(), "012");
  kept.Emit("e");
  EXPECT_EQ(Receivers(), "01");
}

TEST_F(RoomTest, ABroadcastIsEncodedOnce) {
  root().To("a").Emit("e", Binary{"bytes"}, 1);
  ASSERT_EQ(clients[0]->link.frames.size(), 2u);
  EXPECT_EQ(clients[0]->link.frames[0]->wire().data(), clients[1]->link.frames[0]->wire().data());
  EXPECT_EQ(clients[0]->link.frames[1]->wire().data(), clients[1]->link.frames[1]->wire().data());
  EXPECT_THAT(clients[0]->Take(), ElementsAre(R"(451-["e",{"_placeholder":true,"num":0},1])", "b:bytes"));
  Receivers();
  root().All().Send({EncodeEventText("/", "e", "1"), {}});
  EXPECT_EQ(Receivers(), "0123");
}

TEST_F(RoomTest, NamespacesAreApart) {
  clients[0]->Send("40/custom,");
  clients[0]->Take();
  last->Join("a");
  server.Of("/custom").To("a").Emit("e");
  EXPECT_THAT(clients[0]->Take(), ElementsAre(R"(42/custom,["e"])"));
  EXPECT_EQ(Receivers(), "");
}

TEST_F(RoomTest, VolatileSkipsThoseWhoCannotTakeIt) {
  clients[0]->link.stuck = true;
  sockets[0]->Emit("first");
  Receivers();
  root().All().Volatile().Emit("e");
  EXPECT_EQ(Receivers(), "123");
}

TEST_F(RoomTest, RoomsAreJoinedAndLeft) {
  EXPECT_THAT(sockets[1]->Rooms(), UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(sockets[1]->InRoom("a"));
  EXPECT_FALSE(sockets[0]->InRoom("b"));
  EXPECT_EQ(root().RoomSize("a"), 2u);
  sockets[0]->Join("a");
  EXPECT_EQ(root().RoomSize("a"), 2u);
  sockets[1]->Leave("a");
  sockets[1]->Leave("a");
  EXPECT_EQ(root().RoomSize("a"), 1u);
  clients[0]->Gone();
  EXPECT_EQ(root().RoomSize("a"), 0u);
  EXPECT_EQ(root().room_count(), 1u);
}

TEST_F(RoomTest, RoomsCanBeReadWhileDisconnecting) {
  std::vector<std::string> rooms;
  root().OnDisconnect([&](Socket& socket, CloseReason) {
    for (const std::string_view room : socket.Rooms()) rooms.emplace_back(room);
    socket.To("a").Emit("left");
  });
  clients[1]->Gone();
  EXPECT_THAT(rooms, UnorderedElementsAre("a", "b"));
  EXPECT_EQ(Receivers(), "0");
}

TEST_F(RoomTest, ManySocketsAreMovedAtOnce) {
  EXPECT_EQ(root().To("a").FetchSockets().size(), 2u);
  root().To("a").SocketsJoin("c");
  root().To("c").Except("b").SocketsLeave("a");
  EXPECT_THAT(sockets[0]->Rooms(), ElementsAre("c"));
  EXPECT_THAT(sockets[1]->Rooms(), UnorderedElementsAre("a", "b", "c"));
  root().To("c").DisconnectSockets();
  EXPECT_THAT(clients[0]->Take(), ElementsAre("41"));
  EXPECT_FALSE(clients[0]->closed());
  root().All().DisconnectSockets(true);
  EXPECT_THAT(clients[2]->Take(), IsEmpty());
  EXPECT_TRUE(clients[2]->closed());
  EXPECT_EQ(root().socket_count(), 0u);
}

TEST_F(RoomTest, ASlowReceiverDoesNotStopABroadcast) {
  clients[1]->link.pending = 100'000'000;
  root().Emit("e");
  EXPECT_EQ(Receivers(), "0123");
  EXPECT_TRUE(clients[1]->closed());
  EXPECT_EQ(root().socket_count(), 3u);
}

TEST_F(RoomTest, ARelayCarriesWhatIsNotLocal) {
  struct Wire final : Relay {
    void Publish(const Namespace& nsp, const BroadcastTarget& target, const EncodedPacket& packet) override {
      log.push_back(nsp.name() + " " + target.rooms.at(0) + " " + std::string(packet.head->payload()));
      other->Of(nsp.name()).Deliver(target, packet);
    }
    std::vector<std::string> log;
    SocketServer* other = nullptr;
  } wire;
  SocketServer other(Options(), clock);
  other.Of("/").OnConnection([](Socket& socket, const Handshake&) { socket.Join("a"); });
  FakeSocketClient far(other);
  far.Send("40");
  far.Take();
  wire.other = &other;
  server.SetRelay(&wire);
  root().To("a").Emit("e", 1);
  root().To("a").Local().Emit("e", 2);
  sockets[0]->Emit("mine");
  EXPECT_THAT(wire.log, ElementsAre(R"(/ a 42["e",1])"));
  EXPECT_THAT(far.Take(), ElementsAre(R"(42["e",1])"));
  server.SetRelay(nullptr);
}

// Against plain sets.
TEST_F(RoomTest, MembershipBehavesLikeSets) {
  std::mt19937 random(13);
  std::map<std::string, std::set<std::size_t>> model{{"a", {0, 1}}, {"b", {1, 2}}};
  for (int step = 0; step < 5'000; ++step) {
    const std::size_t who = random() % sockets.size();
    const std::string room(1, static_cast<char>('a' + random() % 8));
    if (random() % 20 == 0) {
      clients[who]->Gone();
      clients[who] = Connect();
      sockets[who] = last;
      for (auto& [name, members] : model) members.erase(who);
    } else if (random() % 2 == 0) {
      sockets[who]->Join(room);
      model[room].insert(who);
    } else {
      sockets[who]->Leave(room);
      model[room].erase(who);
    }
    std::string expected;
    for (const std::size_t member : model[room]) expected += static_cast<char>('0' + member);
    ASSERT_EQ(root().RoomSize(room), model[room].size());
    root().To(room).Emit("e");
    ASSERT_EQ(Receivers(), expected);
  }
}

}  // namespace
}  // namespace tidings::realtime
