#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::MemberRow;
using chat::ReactionRow;
using chat::Role;
using chat::RoomKind;
using chat::RoomRow;
using chat::SessionRoomRow;
using chat::SessionRow;
using chat::UserRow;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Users, AreFoundByIdKeyAndUsername) {
  Scene scene;
  UserRow user;
  user.id = "u1";
  user.name = "Ann";
  user.username = "ann";
  user.password_hash = "hash";
  user.suspended = true;
  user.created_at = 5;
  user.last_seen = 6;
  user.key = scene.tables().InsertUser(user);
  for (const auto& found :
       {scene.tables().FindUser("u1"), scene.tables().FindUser(user.key), scene.tables().FindUsername("ann")}) {
    ASSERT_TRUE(found);
    EXPECT_EQ(found->key, user.key);
    EXPECT_EQ(found->id, "u1");
    EXPECT_EQ(found->name, "Ann");
    EXPECT_EQ(found->username, "ann");
    EXPECT_EQ(found->password_hash, "hash");
    EXPECT_TRUE(found->suspended);
    EXPECT_EQ(found->created_at, 5);
    EXPECT_EQ(found->last_seen, 6);
  }
  EXPECT_FALSE(scene.tables().FindUser("U1"));
  EXPECT_FALSE(scene.tables().FindUsername(""));
}

TEST(Users, KeysAreNeverUsedAgain) {
  Scene scene;
  const auto first = scene.User("a");
  scene.database().Execute("DELETE FROM users");
  EXPECT_GT(scene.User("b"), first);
  UserRow given;
  given.key = 40;
  given.id = "c";
  EXPECT_EQ(scene.tables().InsertUser(given), 40U);
  EXPECT_EQ(scene.User("d"), 41U);
}

TEST(Users, ManyHaveNoUsernameButOneIsUnique) {
  Scene scene;
  UserRow user;
  user.id = "a";
  user.username = "ann";
  scene.tables().InsertUser(user);
  scene.User("b");
  scene.User("c");
  user.id = "d";
  EXPECT_THROW(scene.tables().InsertUser(user), SqliteFailure);
}

TEST(Users, AreChangedInPartAndWhole) {
  Scene scene;
  auto user = *scene.tables().FindUser(scene.User("a"));
  user.last_seen = 9;
  user.suspended = true;
  scene.tables().UpdateUser(user);
  EXPECT_EQ(scene.tables().FindUser("a")->last_seen, 9);
  EXPECT_TRUE(scene.tables().FindUser("a")->suspended);
  user.name = "Ann";
  user.username = "ann";
  scene.tables().UpdateUser(user);
  EXPECT_EQ(scene.tables().FindUsername("ann")->name, "Ann");
}

void ExpectSame(const RoomRow& a, const RoomRow& b) {
  const auto numbers = [](const RoomRow& room) {
    return std::tuple(room.key, room.kind, room.creator, room.pair_low, room.pair_high, room.created_at,
                      room.updated_at, room.deleted_at, room.head, room.members);
  };
  EXPECT_EQ(numbers(a), numbers(b));
  EXPECT_EQ(std::tuple(a.id, a.name, a.creator_id), std::tuple(b.id, b.name, b.creator_id));
  ASSERT_EQ(a.last.has_value(), b.last.has_value());
  if (!a.last) return;
  EXPECT_EQ(std::tuple(a.last->seq, a.last->at, a.last->id, a.last->sender, a.last->type, a.last->value),
            std::tuple(b.last->seq, b.last->at, b.last->id, b.last->sender, b.last->type, b.last->value));
}

TEST(Rooms, AreWrittenAsTheyAre) {
  Scene scene;
  RoomRow room{7, "room", RoomKind::kGroup, "name", 3, "ann", 0, 0, 10, 20, 0, 30, 2, std::nullopt};
  const auto check = [&] {
    scene.tables().PutRoom(room);
    ExpectSame(*scene.tables().FindRoom("room"), room);
    ExpectSame(*scene.tables().FindRoom(chat::RoomKey{7}), room);
  };
  check();
  room.head = 31;  // a message came
  room.last = chat::LastMessage{31, "id", "ann", "text", "hello", 40};
  check();
  room.name = "other";  // more than that
  room.kind = RoomKind::kPublic;
  check();
  room.last.reset();
  room.deleted_at = 50;
  check();
  EXPECT_FALSE(scene.tables().FindRoom("nobody"));
}

TEST(Rooms, OfAPairIsOneAmongTheLiving) {
  Scene scene;
  RoomRow room{7, "one", RoomKind::kDirect, "", 3, "ann", 3, 4, 10, 10, 0, 1, 2, std::nullopt};
  scene.tables().PutRoom(room);
  EXPECT_EQ(scene.tables().FindDirect(3, 4), 7U);
  EXPECT_EQ(scene.tables().FindDirect(4, 3), std::nullopt);
  RoomRow second = room;
  second.key = 8;
  second.id = "two";
  EXPECT_THROW(scene.tables().PutRoom(second), SqliteFailure);
  room.deleted_at = 11;
  scene.tables().PutRoom(room);
  EXPECT_EQ(scene.tables().FindDirect(3, 4), std::nullopt);
  scene.tables().PutRoom(second);
  EXPECT_EQ(scene.tables().FindDirect(3, 4), 8U);
}

TEST(Members, ComeGoAndRead) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  scene.tables().PutMember(room.key, {2, Role::kMember, 5, 1, 0});
  scene.tables().PutMember(room.key, {1, Role::kOwner, 5, 1, 0});
  scene.tables().SetRead(room.key, 1, 9);
  auto members = scene.tables().Members(room.key);
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].user, 1U);
  EXPECT_EQ(members[0].role, Role::kOwner);
  EXPECT_EQ(members[0].read, 9U);
  EXPECT_EQ(members[1].joined, 1U);
  EXPECT_EQ(scene.tables().CountRoomsOf(1), 1U);
  scene.tables().PutMember(room.key, {1, Role::kMember, 6, 3, 4});
  EXPECT_EQ(scene.tables().Members(room.key)[0].read, 4U);
  scene.tables().RemoveMember(room.key, 1);
  EXPECT_EQ(scene.tables().Members(room.key).size(), 1U);
  EXPECT_EQ(scene.tables().CountRoomsOf(1), 0U);
}

TEST(States, AreReplaced) {
  Scene scene;
  EXPECT_EQ(scene.tables().MessageState(1, 2), std::nullopt);
  EXPECT_EQ(scene.tables().LastEventOf(1, 2), 0U);
  scene.tables().PutMessageState(1, 2, 3, std::string("a\0b", 3));
  scene.tables().PutMessageState(1, 3, 4, "c");
  EXPECT_EQ(scene.tables().MessageState(1, 2), std::string("a\0b", 3));
  scene.tables().PutMessageState(1, 2, 5, "d");
  EXPECT_EQ(scene.tables().MessageState(1, 2), "d");
  EXPECT_EQ(scene.tables().LastEventOf(1, 2), 5U);
}

TEST(Sends, AreOnePerSenderAndId) {
  Scene scene;
  scene.tables().PutSend(1, "x", 5);
  scene.tables().PutSend(2, "x", 6);
  EXPECT_EQ(scene.tables().FindSend(1, "x"), 5U);
  EXPECT_EQ(scene.tables().FindSend(2, "x"), 6U);
  EXPECT_EQ(scene.tables().FindSend(1, "X"), std::nullopt);
  EXPECT_THROW(scene.tables().PutSend(1, "x", 7), SqliteFailure);
}

TEST(Reactions, AreOrderedByTheFirstOfEach) {
  Scene scene;
  auto& tables = scene.tables();
  for (std::uint64_t i = 0; i < 60; ++i) tables.PutReaction(1, 2, "b", i, "user" + std::to_string(i), 100 + i);
  tables.PutReaction(1, 2, "a", 7, "user7", 300);
  tables.PutReaction(1, 2, "a", 7, "user7", 301);  // again: the first counts
  tables.PutReaction(1, 3, "c", 7, "user7", 302);
  auto rows = tables.Reactions(1, 2);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].emoji, "b");
  EXPECT_EQ(rows[0].count, 60U);
  ASSERT_EQ(rows[0].users.size(), 50U);
  EXPECT_EQ(rows[0].users.front(), "user0");
  EXPECT_EQ(rows[0].users.back(), "user49");
  EXPECT_EQ(rows[1].count, 1U);

  // Without its first reaction, an emoji's place is that of its next.
  for (std::uint64_t i = 0; i < 60; ++i) tables.RemoveReaction(1, 2, "b", i);
  tables.PutReaction(1, 2, "b", 1, "user1", 400);
  rows = tables.Reactions(1, 2);
  EXPECT_EQ(rows[0].emoji, "a");
  EXPECT_THAT(rows[1].users, ElementsAre("user1"));
  EXPECT_TRUE(tables.HasReaction(1, 2, "b", 1));
  EXPECT_FALSE(tables.HasReaction(1, 2, "b", 2));
  tables.RemoveReactions(1, 2);
  EXPECT_THAT(tables.Reactions(1, 2), IsEmpty());
  EXPECT_EQ(tables.Reactions(1, 3).size(), 1U);
}

TEST(Sessions, LiveUntilTheyWereNotSeenForLong) {
  Scene scene;
  auto& tables = scene.tables();
  for (int i = 0; i < 5; ++i) {
    const std::string pid = "pid" + std::to_string(i);
    tables.PutSession({pid, 1, "socket", 9, 100 + i, {}});
    tables.PutSessionRoom(pid, {3, 4, 5, 1, 0});
  }
  tables.PutSession({"pid0", 1, "socket2", 9, 200, "17:4"});  // seen again
  EXPECT_EQ(tables.FindSession("pid0")->shown, "17:4");
  tables.PutSessionRoom("pid0", {3, 6, 7, 9, 0});
  tables.PutSessionRoom("pid0", {2, 1, 1, 8, 0});
  EXPECT_EQ(tables.FindSession("pid0")->socket_id, "socket2");
  ASSERT_EQ(tables.SessionRooms("pid0").size(), 2U);
  EXPECT_EQ(tables.SessionRooms("pid0")[1].from, 6U);
  EXPECT_EQ(tables.SessionRooms("pid0")[1].joined, 7U);
  EXPECT_EQ(tables.SessionRooms("pid0")[1].number, 9U);
  tables.RemoveSessionRoom("pid0", 2);
  EXPECT_EQ(tables.SessionRooms("pid0").size(), 1U);

  EXPECT_EQ(tables.PurgeSessions(104, 2), 2U);  // the oldest first
  EXPECT_FALSE(tables.FindSession("pid1"));
  EXPECT_TRUE(tables.FindSession("pid3"));
  EXPECT_THAT(tables.SessionRooms("pid1"), IsEmpty());
  EXPECT_EQ(tables.PurgeSessions(104, 100), 1U);
  EXPECT_TRUE(tables.FindSession("pid0"));
  tables.RemoveSession("pid0");
  EXPECT_FALSE(tables.FindSession("pid0"));
  EXPECT_THAT(tables.SessionRooms("pid0"), IsEmpty());
}

TEST(Sessions, AllOfAUserLeaveARoomOnce) {
  Scene scene;
  auto& tables = scene.tables();
  tables.PutSession({"one", 1, "socket", 9, 100, {}});
  tables.PutSession({"two", 1, "socket", 9, 100, {}});
  tables.PutSession({"other", 2, "socket", 9, 100, {}});
  for (const char* pid : {"one", "two", "other"}) tables.PutSessionRoom(pid, {3, 4, 5, 1, 0});
  tables.PutSessionRoom("one", {4, 4, 5, 2, 0});
  tables.LeaveSessionRooms(1, 3, 50);
  EXPECT_EQ(tables.SessionRooms("one")[0].left, 50U);
  EXPECT_EQ(tables.SessionRooms("two")[0].left, 50U);
  EXPECT_EQ(tables.SessionRooms("one")[1].left, 0U);
  EXPECT_EQ(tables.SessionRooms("other")[0].left, 0U);
  tables.PutSessionRoom("two", {3, 4, 51, 3, 0});  // joined again
  tables.LeaveSessionRooms(1, 3, 60);
  EXPECT_EQ(tables.SessionRooms("one")[0].left, 50U);
  EXPECT_EQ(tables.SessionRooms("two")[0].left, 60U);
}

TEST(Sessions, OfAUserTheNewestAreKept) {
  Scene scene;
  auto& tables = scene.tables();
  for (int i = 0; i < 5; ++i) tables.PutSession({"pid" + std::to_string(i), 1, "socket", 9, 100 + i, {}});
  tables.PutSession({"other", 2, "socket", 9, 1, {}});
  tables.PutSessionRoom("pid0", {3, 4, 5, 1, 0});
  tables.TrimSessions(1, 3);
  EXPECT_FALSE(tables.FindSession("pid0"));
  EXPECT_FALSE(tables.FindSession("pid1"));
  EXPECT_TRUE(tables.FindSession("pid2"));
  EXPECT_TRUE(tables.FindSession("other"));
  EXPECT_FALSE(tables.FindSessionRoom("pid0", 3));
}

TEST(Sessions, RememberHowManyJoinsThereWere) {
  Scene scene;
  EXPECT_EQ(scene.tables().JoinsMark(), 0U);
  scene.tables().PutJoinsMark(1'700'000'000'000);
  EXPECT_EQ(scene.tables().JoinsMark(), 1'700'000'000'000U);
}

}  // namespace
}  // namespace tidings::sqlite
