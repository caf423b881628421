#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::RoomCursor;
using chat::RoomKind;
using chat::RoomListing;
using chat::RoomRow;
using chat::Seq;
using chat::UserKey;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> IdsOf(const std::vector<RoomListing>& rooms) {
  std::vector<std::string> ids;
  for (const RoomListing& listing : rooms) ids.push_back(listing.room.id);
  return ids;
}

std::vector<std::string> IdsOf(const std::vector<chat::UserRow>& users) {
  std::vector<std::string> ids;
  for (const auto& user : users) ids.push_back(user.id);
  return ids;
}

class Lists : public testing::Test {
 protected:
  // 30 rooms whose activity ties now and then; user 1 is in every second one.
  Lists() {
    scene_.User("ann");
    scene_.User("bob");
    std::mt19937 random(4);
    for (int i = 0; i < 30; ++i) {
      RoomRow room = scene_.Room("room" + std::to_string(i), i % 3 == 0 ? RoomKind::kPublic : RoomKind::kGroup);
      room.created_at = random() % 20;
      if (i % 4 != 0) room.last = chat::LastMessage{2, "id", "bob", "text", "x", static_cast<Millis>(random() % 20)};
      if (i == 6) room.deleted_at = 1;
      scene_.tables().PutRoom(room);
      if (i % 2 == 0) scene_.tables().PutMember(room.key, {1, chat::Role::kMember, 5, 1, 0});
      rooms_.push_back(room);
    }
    std::ranges::sort(rooms_, std::greater(), [](const RoomRow& room) { return std::pair(room.ActiveAt(), room.key); });
  }

  template <class Wanted>
  std::vector<std::string> Expected(const Wanted& wanted) {
    std::vector<std::string> ids;
    for (const RoomRow& room : rooms_) {
      if (room.deleted_at == 0 && wanted(room)) ids.push_back(room.id);
    }
    return ids;
  }

  template <class Ask>
  static std::vector<std::string> InPages(std::size_t limit, const Ask& ask) {
    std::vector<std::string> ids;
    std::optional<RoomCursor> cursor;
    while (true) {
      const std::vector<RoomListing> page = ask(cursor, limit);
      for (auto& id : IdsOf(page)) ids.push_back(std::move(id));
      if (page.size() < limit) return ids;
      cursor = RoomCursor{page.back().room.ActiveAt(), page.back().room.key};
    }
  }

  bool Joined(const RoomRow& room) { return std::stoi(room.id.substr(4)) % 2 == 0; }

  Scene scene_;
  std::vector<RoomRow> rooms_;
};

TEST_F(Lists, RoomsOfAUserNewestActivityFirst) {
  const auto expected = Expected([&](const RoomRow& room) { return Joined(room); });
  for (const std::size_t limit : {1U, 4U, 100U}) {
    EXPECT_EQ(InPages(limit, [&](auto cursor, auto n) { return scene_.reader().RoomsOf(1, cursor, n); }), expected);
  }
  EXPECT_THAT(scene_.reader().RoomsOf(2, std::nullopt, 9), IsEmpty());
  EXPECT_EQ(scene_.tables().CountRoomsOf(1), expected.size());
}

TEST_F(Lists, PublicRoomsByAPartOfNameOrId) {
  const auto open = [](const RoomRow& room) { return room.kind == RoomKind::kPublic; };
  const auto ask = [&](std::string part) {
    return InPages(3, [&](auto cursor, auto n) { return scene_.reader().PublicRooms(1, part, cursor, n); });
  };
  EXPECT_EQ(ask(""), Expected(open));
  EXPECT_EQ(ask("OOM1"), Expected([&](const RoomRow& room) { return open(room) && room.id.starts_with("room1"); }));
  EXPECT_THAT(ask("%"), IsEmpty());
}

TEST_F(Lists, PublicRoomsTellWhetherTheReaderIsAMember) {
  for (const RoomListing& listing : scene_.reader().PublicRooms(1, "", std::nullopt, 100)) {
    EXPECT_EQ(listing.member.user, Joined(listing.room) ? 1U : 0U) << listing.room.id;
  }
}

TEST(RoomsOf, CountsPastReadingAndJoining) {
  Scene scene;
  scene.User("ann");
  scene.User("bob");
  const RoomRow room = scene.Room("room");
  const Seq first = scene.Say("room", 2);
  const Seq joined = scene.Append("room", chat::event_type::kMemberJoined, 1);
  scene.tables().PutMember(room.key, {1, chat::Role::kMember, 5, joined, 0});
  const Seq second = scene.Say("room", 2);
  scene.Say("room", 1);
  scene.tables().PutMention(1, room.key, first);
  scene.tables().PutMention(1, room.key, second);
  auto listing = scene.reader().RoomsOf(1, std::nullopt, 9).at(0);
  EXPECT_EQ(listing.unread, 1U);
  EXPECT_EQ(listing.mentions, 1U);
  scene.tables().SetRead(room.key, 1, second);
  listing = scene.reader().RoomsOf(1, std::nullopt, 9).at(0);
  EXPECT_EQ(listing.unread, 0U);
  EXPECT_EQ(listing.mentions, 0U);
  EXPECT_EQ(listing.member.read, second);
}

TEST(UserList, ByPrefixOfIdOrNameInTheOrderOfIds) {
  Scene scene;
  for (const auto& [id, name] : std::vector<std::pair<std::string, std::string>>{{"b", "Anna"},
                                                                                 {"a", "bert"},
                                                                                 {"ANN", "zoe"},
                                                                                 {"c", "anton"},
                                                                                 {"d", "\u00e4nne"},
                                                                                 {"e_f", "x"},
                                                                                 {"exf", "y"}}) {
    chat::UserRow user;
    user.id = id;
    user.name = name;
    scene.tables().InsertUser(user);
  }
  EXPECT_THAT(IdsOf(scene.reader().Users("an", "", 9)), ElementsAre("ANN", "b", "c"));
  EXPECT_THAT(IdsOf(scene.reader().Users("ANN", "", 9)), ElementsAre("ANN", "b"));
  EXPECT_THAT(IdsOf(scene.reader().Users("an", "ANN", 1)), ElementsAre("b"));
  EXPECT_THAT(IdsOf(scene.reader().Users("e_", "", 9)), ElementsAre("e_f"));
  EXPECT_THAT(IdsOf(scene.reader().Users("\u00e4", "", 9)), ElementsAre("d"));
  EXPECT_THAT(IdsOf(scene.reader().Users("", "c", 2)), ElementsAre("d", "e_f"));
  EXPECT_THAT(scene.reader().Users("nobody", "", 9), IsEmpty());
  EXPECT_EQ(scene.reader().FindUser("b")->name, "Anna");
}

TEST(MemberList, IsPagedByKeyAndKnowsWhoWasThere) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  for (const char* id : {"a", "b", "c", "d"}) {
    const UserKey key = scene.User(id);
    scene.tables().PutMember(room.key, {key, chat::Role::kMember, 5, key * 10, key * 10 + 5});
  }
  const auto page = scene.reader().Members(room.key, 1, 2);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].first, "b");
  EXPECT_EQ(page[1].second.user, 3U);
  EXPECT_THAT(scene.reader().MembersAt(room.key, 20), ElementsAre("a", "b"));
  EXPECT_EQ(scene.reader().FindMember(room.key, 3)->joined, 30U);
  EXPECT_FALSE(scene.reader().FindMember(room.key, 9));

  const auto seen = scene.reader().SeenBy(room.key, 3, 25, 0, 9);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].user_id, "b");
  EXPECT_EQ(seen[0].read, 25U);
  EXPECT_EQ(seen[1].user, 4U);
  EXPECT_EQ(scene.reader().SeenBy(room.key, 3, 25, 2, 9).size(), 1U);
  EXPECT_EQ(scene.reader().SeenBy(room.key, 3, 25, 0, 1).size(), 1U);
}

TEST(ShareRoom, IsTrueOfTwoInOneRoom) {
  Scene scene;
  for (const auto& [room, user] :
       std::vector<std::pair<int, int>>{{1, 1}, {3, 1}, {5, 1}, {2, 2}, {4, 2}, {5, 2}, {4, 3}}) {
    scene.tables().PutMember(static_cast<chat::RoomKey>(room), {static_cast<UserKey>(user), {}, 1, 1, 0});
  }
  EXPECT_TRUE(scene.reader().ShareRoom(1, 2));
  EXPECT_TRUE(scene.reader().ShareRoom(2, 1));
  EXPECT_TRUE(scene.reader().ShareRoom(3, 2));
  EXPECT_FALSE(scene.reader().ShareRoom(1, 3));
  EXPECT_FALSE(scene.reader().ShareRoom(1, 9));
}

// Against a look at every member for every message.
TEST(SeenOf, EqualsANaiveCount) {
  std::mt19937 random(9);
  Scene scene;
  const RoomRow room = scene.Room("room");
  std::vector<chat::MemberRow> members;
  for (int i = 0; i < 300; ++i) {
    const UserKey key = scene.User("user" + std::to_string(i));
    members.push_back({key, {}, 1, 1, random() % 60});
    scene.tables().PutMember(room.key, members.back());
  }
  for (int i = 0; i < 50; ++i) scene.Say("room", random() % 300 + 1);
  auto messages = scene.reader().Messages(scene.Now(room), {}).messages;
  std::ranges::shuffle(messages, random);
  const auto seen = scene.reader().SeenOf(room.key, messages);
  ASSERT_EQ(seen.size(), messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::vector<std::string> users;
    for (const auto& member : members) {
      if (member.read >= messages[i].seq && member.user != messages[i].author_key) {
        users.push_back("user" + std::to_string(member.user - 1));
      }
    }
    EXPECT_EQ(seen[i].count, users.size());
    users.resize(std::min<std::size_t>(users.size(), 100));
    EXPECT_EQ(seen[i].users, users);
  }
  EXPECT_THAT(scene.reader().SeenOf(room.key, {}), IsEmpty());
}

}  // namespace
}  // namespace tidings::sqlite
