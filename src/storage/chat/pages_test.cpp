#include <gtest/gtest.h>

#include <random>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::kCountBlock;
using chat::MessagePage;
using chat::PageQuery;
using chat::RoomRow;
using chat::Seq;

using Place = PageQuery::Place;

std::vector<Seq> NumbersOf(const MessagePage& page) {
  std::vector<Seq> numbers;
  for (const auto& message : page.messages) numbers.push_back(message.seq);
  return numbers;
}

// What a page should hold, by looking at every number.
struct NaivePage {
  std::vector<Seq> numbers;
  bool before = false;
  bool after = false;
};

NaivePage Naive(const std::vector<Seq>& all, const PageQuery& query) {
  std::size_t from = 0;
  std::size_t to = all.size();
  const auto lower = [&](Seq seq) {
    return static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), seq) - all.begin());
  };
  const std::size_t limit = query.limit;
  const auto minus = [](std::size_t a, std::size_t b) { return a > b ? a - b : 0; };
  switch (query.place) {
    case Place::kNewest: from = minus(to, limit); break;
    case Place::kAfter:
      from = lower(query.seq + 1);
      to = std::min(all.size(), from + limit);
      break;
    case Place::kBefore:
      to = lower(query.seq);
      from = minus(to, limit);
      break;
    case Place::kAround:
      from = minus(lower(query.seq), limit / 2);
      to = std::min(all.size(), lower(query.seq) + limit - limit / 2);
      break;
  }
  NaivePage page;
  page.numbers.assign(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to));
  page.before = from > 0;
  page.after = to < all.size();
  return page;
}

template <class Ask>
void CheckPages(const std::vector<Seq>& all, Seq head, std::mt19937_64& random, const Ask& ask) {
  for (int i = 0; i < 400; ++i) {
    PageQuery query;
    query.place = std::array{Place::kNewest, Place::kAfter, Place::kBefore, Place::kAround}[random() % 4];
    query.seq = i % 5 == 0 ? random() % 3 * kCountBlock : random() % (head + 3);
    query.limit = i % 7 == 0 ? 1 : 1 + random() % 60;
    if (query.place == Place::kAround && !all.empty()) query.seq = all[random() % all.size()];
    const MessagePage page = ask(query);
    const NaivePage naive = Naive(all, query);
    const std::string at = "place " + std::to_string(static_cast<int>(query.place)) + " seq " +
                           std::to_string(query.seq) + " limit " + std::to_string(query.limit);
    ASSERT_EQ(NumbersOf(page), naive.numbers) << at;
    ASSERT_EQ(page.has_before, naive.before) << at;
    ASSERT_EQ(page.has_after, naive.after) << at;
    ASSERT_EQ(page.head, head);
  }
}

TEST(Pages, EqualALookAtEveryNumber) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Scene scene;
    const RoomRow room = scene.Room("room");
    std::vector<Seq> all;
    // From dense to rare: in some rooms, blocks hold no message at all.
    const unsigned other = std::array{0U, 10U, 50U, 90U, 99U}[seed % 5];
    const Seq length = 20 + random() % 3'000;
    while (scene.Now(room).head < length) {
      if (random() % 100 < other) {
        scene.Append("room", chat::event_type::kMemberJoined, 1);
      } else {
        all.push_back(scene.Say("room", 1 + random() % 4));
        if (random() % 10 == 0) scene.Delete(room, all[random() % all.size()], false);
      }
    }
    const RoomRow now = scene.Now(room);
    CheckPages(all, now.head, random, [&](const PageQuery& query) { return scene.reader().Messages(now, query); });
  }
}

TEST(Pages, OfAThreadEqualALookAtEveryReply) {
  std::mt19937_64 random(3);
  Scene scene;
  const RoomRow room = scene.Room("room");
  const Seq parent = scene.Say("room", 1);
  std::vector<Seq> replies;
  for (int i = 0; i < 700; ++i) {
    const Seq seq = scene.Say("room", 2);
    if (random() % 3 != 0) continue;
    scene.tables().PutReply(room.key, parent, seq);
    replies.push_back(seq);
  }
  scene.Edit(room, replies[3], "edited");
  const RoomRow now = scene.Now(room);
  CheckPages(replies, now.head, random,
             [&](const PageQuery& query) { return scene.reader().Thread(now, parent, query); });
  EXPECT_EQ(scene.tables().Replies(room.key, parent), replies);
  EXPECT_EQ(scene.reader().Thread(now, parent, {Place::kNewest, 0, 200}).messages.size(), 200U);
}

TEST(Pages, OfAnEmptyRoomAreEmpty) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  for (const auto place : {Place::kNewest, Place::kAfter, Place::kBefore, Place::kAround}) {
    const MessagePage page = scene.reader().Messages(room, {place, 0, 50});
    EXPECT_TRUE(page.messages.empty());
    EXPECT_FALSE(page.has_before || page.has_after);
    EXPECT_EQ(page.head, 1U);
  }
}

TEST(Pages, PlacesBeyondAllNumbersAreNoTrouble) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  const Seq seq = scene.Say("room", 1);
  const RoomRow now = scene.Now(room);
  EXPECT_TRUE(scene.reader().Messages(now, {Place::kAfter, ~Seq{0}, 50}).has_before);
  EXPECT_EQ(NumbersOf(scene.reader().Messages(now, {Place::kBefore, ~Seq{0}, 50})), std::vector{seq});
}

TEST(Pages, MessagesAreAsTheyAreNow) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  const Seq plain = scene.Say("room", 1, "plain");
  const Seq edited = scene.Say("room", 2, "first");
  const Seq deleted = scene.Say("room", 3, "gone");
  scene.Edit(room, edited, "second");
  scene.Delete(room, deleted);
  const auto page = scene.reader().Messages(scene.Now(room), {});
  ASSERT_EQ(page.messages.size(), 3U);
  EXPECT_EQ(page.messages[0].text_json, "\"plain\"");
  EXPECT_EQ(page.messages[0].seq, plain);
  EXPECT_EQ(page.messages[0].author_key, 1U);
  EXPECT_EQ(page.messages[1].text_json, "\"second\"");
  EXPECT_TRUE(page.messages[2].Tombstone());
  EXPECT_EQ(page.messages[2].text_json, "");
  for (const auto& message : page.messages) {
    EXPECT_EQ(message.id.size(), 36U);
    EXPECT_NE(message.created_at, 0);
    const auto found = scene.reader().FindMessage(room.key, message.id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->Encode(), message.Encode());
    const auto at = scene.reader().MessageAt(room.key, message.seq);
    ASSERT_TRUE(at);
    EXPECT_EQ(at->Encode(), message.Encode());
  }
}

TEST(FindMessage, KnowsOnlyMessagesOfTheRoom) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  const RoomRow other = scene.Room("other");
  const Seq seq = scene.Say("room", 1);
  const auto event = *scene.transaction().Read(room.key, seq);
  const std::string id = event.id.Text();
  EXPECT_TRUE(scene.reader().FindMessage(room.key, id));
  EXPECT_FALSE(scene.reader().FindMessage(other.key, id));
  EXPECT_FALSE(scene.reader().FindMessage(room.key, ""));
  EXPECT_FALSE(scene.reader().FindMessage(room.key, "nonsense"));
  // The same place, but not the same id.
  EXPECT_FALSE(scene.reader().FindMessage(room.key, Uuid::AtPlace(event.at, event.position, 1).Text()));
  // Another kind of event.
  EXPECT_FALSE(scene.reader().FindMessage(room.key, scene.transaction().Read(room.key, 1)->id.Text()));
  EXPECT_FALSE(scene.reader().MessageAt(room.key, 1));
  EXPECT_FALSE(scene.reader().MessageAt(room.key, 99));
}

TEST(Events, ArePagedByTheirNumbers) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  for (int i = 0; i < 9; ++i) scene.Say("room", 1);
  const RoomRow now = scene.Now(room);
  const auto page = scene.reader().Events(now, 3, 4);
  EXPECT_EQ(page.head, 10U);
  ASSERT_EQ(page.events.size(), 4U);
  EXPECT_EQ(page.events.front().version, 4U);
  EXPECT_EQ(page.events.back().version, 7U);
  EXPECT_TRUE(scene.reader().Events(now, 10, 4).events.empty());
  EXPECT_TRUE(scene.reader().Events(now, ~Seq{0}, 4).events.empty());
}

}  // namespace
}  // namespace tidings::sqlite
