#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidings/storage/chat/scratch_tables.hpp>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::RoomRow;
using chat::Seq;
using testing::ElementsAre;
using testing::IsEmpty;

// The rows that the events of a Scene give, written once by the scene itself and once into scratch tables.
class Compare : public testing::Test {
 protected:
  Compare() : room_(scene_.Room("room")) {
    ann_ = scene_.User("ann");
    bob_ = scene_.User("bob");
    for (int i = 0; i < 700; ++i) said_ = scene_.Say("room", i % 3 == 0 ? ann_ : bob_);
    scene_.Delete(room_, 100);
    scene_.Delete(room_, said_);
    Derive(scene_.tables());
    scene_.tables().SetRead(room_.key, ann_, 20);
    scene_.tables().PutSendsMark(said_);
  }

  // By hand, what a projection does.
  void Derive(chat::Tables& tables) {
    RoomRow row = scene_.Now(room_);
    row.members = 2;
    row.last = chat::LastMessage{said_ - 1, "id", "bob", "text", "hello", 5};
    tables.PutRoom(row);
    tables.PutMember(room_.key, {ann_, chat::Role::kOwner, 5, 1, 0});
    tables.PutMember(room_.key, {bob_, chat::Role::kMember, 5, 1, 0});
    tables.PutSend(ann_, "one", 2);
    tables.PutMention(bob_, room_.key, 3);
    tables.PutReaction(room_.key, 3, "+", bob_, "bob", 9);
    tables.PutReply(room_.key, 3, 4);
    for (const Seq seq : {Seq{100}, said_}) {
      tables.PutMessageState(room_.key, seq, seq + 1, "record");
    }
  }

  std::vector<std::string> Findings() {
    scene_.Commit();
    ScratchTables scratch(folder_.path(), scene_.path());
    Derive(scratch.tables());
    for (Seq block = 0; (block + 1) * chat::kCountBlock <= scene_.Now(room_).head; ++block) {
      scratch.tables().CloseBlock(room_.key, block);
    }
    auto findings = scratch.Compare();
    scene_.Begin();
    return findings;
  }

  void Spoil(const std::string& sql) { scene_.database().Execute(sql); }

  Scene scene_;
  TempFolder folder_;
  RoomRow room_;
  chat::UserKey ann_ = 0;
  chat::UserKey bob_ = 0;
  Seq said_ = 0;
};

TEST_F(Compare, FindsNothingWhereRowsFollowFromTheLog) { EXPECT_THAT(Findings(), IsEmpty()); }

TEST_F(Compare, LeavesNoFileBehind) {
  Findings();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(Compare, NamesAWrongColumn) {
  Spoil("UPDATE rooms SET head = 5");
  EXPECT_THAT(Findings(), testing::Contains("rooms (key 1): head is not what follows from the log (5, should be " +
                                            std::to_string(scene_.Now(room_).head) + ")"));
}

TEST_F(Compare, NamesAMissingAndASuperfluousRow) {
  Spoil("UPDATE sends SET client_id = 'other'");
  EXPECT_THAT(Findings(), ElementsAre("sends (sender 1, client_id one) follows from the log, but is missing",
                                      "sends (sender 1, client_id other) is kept, but does not follow from the log"));
}

TEST_F(Compare, SendsPastTheMarkMayComeLater) {
  Spoil("DELETE FROM sends");
  EXPECT_EQ(Findings().size(), 1U);
  scene_.tables().PutSendsMark(1);
  EXPECT_THAT(Findings(), IsEmpty());
  Spoil("INSERT INTO sends VALUES (1, 'one', 9)");
  EXPECT_EQ(Findings().size(), 1U) << "but not wrong";
  scene_.tables().PutSendsMark(5'000);
  EXPECT_THAT(Findings(), testing::Contains("sends_mark: it stands at 5000, beyond the log"));
}

TEST_F(Compare, SeesEveryTable) {
  for (const char* sql : {"UPDATE rooms SET last_value = 'x'",
                          "UPDATE rooms SET last_at = NULL",
                          "UPDATE members SET role = 1 WHERE user = 2",
                          "DELETE FROM members WHERE user = 2",
                          "UPDATE message_state SET record = 'x' WHERE seq = 100",
                          "UPDATE message_state SET last_event = 1 WHERE seq = 100",
                          "DELETE FROM sends",
                          "UPDATE sends SET position = 9",
                          "DELETE FROM mentions",
                          "UPDATE mentions SET author = 5",
                          "DELETE FROM reactions",
                          "UPDATE reactions SET user_id = 'x'",
                          "UPDATE replies SET reply = 5",
                          "UPDATE counts SET n = n + 1 WHERE level = 1",
                          "UPDATE counts SET n = n - 1 WHERE author = 2",
                          "DELETE FROM message_blocks",
                          "UPDATE members SET read = 1000 WHERE user = 1",
                          "UPDATE members SET joined = 0 WHERE user = 1",
                          "DELETE FROM users WHERE key = 1",
                          "INSERT INTO sessions VALUES ('p', 7, 's', 1, 1, '')",
                          "INSERT INTO sessions VALUES ('p', 1, 's', 5000, 1, '')",
                          "INSERT INTO session_rooms VALUES ('p', 1, 5000, 1, 0, 0)",
                          "INSERT INTO session_rooms VALUES ('p', 1, 1, 1, 77, 0)"}) {
    Spoil(sql);
    EXPECT_FALSE(Findings().empty()) << sql;
    // Put right again for the next.
    Spoil(
        "DELETE FROM rooms; DELETE FROM members; DELETE FROM message_state; DELETE FROM sends; DELETE FROM mentions; "
        "DELETE FROM reactions; DELETE FROM replies; DELETE FROM counts; DELETE FROM message_blocks; "
        "DELETE FROM sessions; DELETE FROM session_rooms; DELETE FROM users; "
        "INSERT INTO users VALUES (1, 'ann', 'ann', NULL, '', 0, 0, 0), (2, 'bob', 'bob', NULL, '', 0, 0, 0)");
    Derive(scene_.tables());
    scene_.tables().CloseBlock(room_.key, 0);
    scene_.tables().CloseBlock(room_.key, 1);
    ASSERT_THAT(Findings(), IsEmpty());
  }
}

TEST_F(Compare, StopsAtManyFindings) {
  for (int i = 0; i < 2'000; ++i) scene_.tables().PutSend(ann_, "extra" + std::to_string(i), 1);
  EXPECT_EQ(Findings().size(), kMostFindings);
}

TEST_F(Compare, LooksAtOneStateOfTheStore) {
  scene_.Commit();
  ScratchTables scratch(folder_.path(), scene_.path());
  const auto head = scratch.Head();
  scene_.Begin();
  scene_.Say("room", ann_);
  scene_.Commit();
  EXPECT_EQ(scratch.Head(), head);
  EXPECT_EQ(scratch.ReadAll(0, 10'000).size(), head);
  EXPECT_EQ(scratch.RoomId(room_.key), "room");
  EXPECT_EQ(scratch.RoomId(99), "");
  EXPECT_EQ(scratch.tables().FindUser("ann")->key, ann_);
  EXPECT_THROW(scratch.tables().InsertUser({}), SqliteFailure);
  scene_.Begin();
}

}  // namespace
}  // namespace tidings::sqlite
