#include <gtest/gtest.h>

#include <random>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::kCountBlock;
using chat::RoomRow;
using chat::Seq;
using chat::UserKey;

std::uint64_t NaiveUnread(const ModelRoom& room, UserKey user, Seq past) {
  std::uint64_t count = 0;
  for (auto at = room.upper_bound(past); at != room.end(); ++at) {
    count += !at->second.deleted && at->second.author != user ? 1 : 0;
  }
  return count;
}

std::uint64_t NaiveMentions(const ModelRoom& room, UserKey user, Seq past) {
  std::uint64_t count = 0;
  for (auto at = room.upper_bound(past); at != room.end(); ++at) {
    const ModelMessage& message = at->second;
    count += !message.deleted && message.author != user && message.mentioned.contains(user) ? 1 : 0;
  }
  return count;
}

std::optional<Seq> NaiveNewest(const ModelRoom& room, Seq below) {
  for (auto at = room.lower_bound(below); at != room.begin();) {
    if (!(--at)->second.deleted) return at->first;
  }
  return std::nullopt;
}

class History {
 public:
  History(unsigned seed, unsigned deletes) : random_(seed), deletes_(deletes) {
    for (int i = 0; i < 2; ++i) {
      rooms_.push_back(scene_.Room("room" + std::to_string(i)));
      models_.emplace_back();
    }
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
  }

  void Check() {
    for (std::size_t r = 0; r < rooms_.size(); ++r) {
      const ModelRoom& model = models_[r];
      const Seq head = scene_.Now(rooms_[r]).head;
      for (int i = 0; i < 60; ++i) {
        const UserKey user = Pick(kAuthors + 2) + 1;
        // Borders of blocks more often than they come by themselves.
        Seq past = Pick(head + 2);
        if (i % 3 == 0) past = past / kCountBlock * kCountBlock + Pick(3);
        if (i % 3 == 1 && past >= kCountBlock) past = past / kCountBlock * kCountBlock - 1;
        const std::string at = "user " + std::to_string(user) + " past " + std::to_string(past);
        ASSERT_EQ(scene_.tables().Unread(rooms_[r].key, user, past), NaiveUnread(model, user, past)) << at;
        ASSERT_EQ(scene_.reader().Unread(rooms_[r].key, user, past), NaiveUnread(model, user, past)) << at;
        ASSERT_EQ(scene_.tables().Mentions(rooms_[r].key, user, past), NaiveMentions(model, user, past)) << at;
        ASSERT_EQ(scene_.tables().NewestMessage(rooms_[r].key, past), NaiveNewest(model, past)) << at;
      }
      ASSERT_EQ(scene_.tables().NewestMessage(rooms_[r].key, head + 1), NaiveNewest(model, head + 1));
    }
  }

 private:
  static constexpr UserKey kAuthors = 9;

  void Step() {
    const std::size_t r = Pick(10) == 0 ? 1 : 0;
    const RoomRow& room = rooms_[r];
    ModelRoom& model = models_[r];
    if (Pick(100) < deletes_ && !model.empty()) {
      auto at = model.lower_bound(Pick(model.rbegin()->first + 1));
      if (at == model.end() || at->second.deleted) return;
      at->second.deleted = true;
      scene_.Delete(room, at->first);
      for (const UserKey user : at->second.mentioned) scene_.tables().RemoveMention(user, room.key, at->first);
    } else if (Pick(100) < 20) {
      scene_.Append(room.id, chat::event_type::kMemberJoined, 1);
    } else {
      ModelMessage message;
      // Few who talk much, several who talk little.
      message.author = Pick(3) == 0 ? Pick(kAuthors) + 1 : 1;
      const Seq seq = scene_.Say(room.id, message.author);
      if (Pick(4) == 0) message.mentioned = {Pick(kAuthors) + 1, Pick(kAuthors) + 1};
      for (const UserKey user : message.mentioned) scene_.tables().PutMention(user, room.key, seq);
      model[seq] = message;
    }
  }

  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }

  std::mt19937_64 random_;
  unsigned deletes_;
  Scene scene_;
  std::vector<RoomRow> rooms_;
  std::vector<ModelRoom> models_;
};

TEST(Counts, EqualARecountAfterAnyHistory) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed, seed * 8);
    for (int round = 0; round < 5; ++round) {
      history.Run(500);
      history.Check();
    }
  }
}

// More blocks than a group holds.
TEST(Counts, EqualARecountOverGroupsOfBlocks) {
  History history(7, 10);
  history.Run(40'000);
  history.Check();
}

TEST(Counts, ABlockWithoutMessagesIsClosedToo) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  while (scene.Now(room).head < 3 * kCountBlock) scene.Append("room", chat::event_type::kMemberJoined, 1);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, 0), 0U);
  EXPECT_EQ(scene.tables().NewestMessage(room.key, 1'000), std::nullopt);
  const Seq seq = scene.Say("room", 1);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, 0), 1U);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, seq), 0U);
  EXPECT_EQ(scene.tables().NewestMessage(room.key, 1'000), seq);
}

TEST(Counts, ClosingABlockTwiceCountsItOnce) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  while (scene.Now(room).head < kCountBlock + 5) scene.Say("room", 1);
  const auto before = scene.tables().Unread(room.key, 2, 0);
  scene.tables().CloseBlock(room.key, 0);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, 0), before);
}

TEST(Counts, AnOpenBlockIsNotCorrected) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  const Seq seq = scene.Say("room", 1);
  scene.tables().AddToBlock(room.key, 0, 1, -1);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, 0), 1U);
  scene.Delete(room, seq);
  EXPECT_EQ(scene.tables().Unread(room.key, 2, 0), 0U);
}

TEST(Counts, MentionsLeaveOutOnesOwn) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  const Seq own = scene.Say("room", 1);
  const Seq others = scene.Say("room", 2);
  scene.tables().PutMention(1, room.key, own);
  scene.tables().PutMention(1, room.key, others);
  scene.tables().PutMention(1, room.key, others);
  EXPECT_EQ(scene.tables().Mentions(room.key, 1, 0), 1U);
  EXPECT_EQ(scene.tables().Mentions(room.key, 1, others), 0U);
  scene.tables().RemoveMention(1, room.key, others);
  EXPECT_EQ(scene.tables().Mentions(room.key, 1, 0), 0U);
}

// A mention of what is not in the log is a defect, not a row.
TEST(Counts, AMentionNeedsItsMessage) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  EXPECT_THROW(scene.tables().PutMention(1, room.key, 99), SqliteFailure);
}

}  // namespace
}  // namespace tidings::sqlite
