#include <gtest/gtest.h>

#include <random>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::Position;
using chat::ReplayPlace;
using chat::RoomRow;
using chat::Seq;
using eventing::StoredEvent;

// All that is missed, in steps as a socket's replay takes them.
std::vector<StoredEvent> InSteps(Scene& scene, std::vector<ReplayPlace> places, Position upto, std::size_t bytes) {
  std::vector<StoredEvent> all;
  while (true) {
    const auto step = scene.reader().Missed(places, upto, bytes);
    if (step.empty()) return all;
    std::size_t sum = 0;
    for (const StoredEvent& event : step) {
      sum += event.data.size();
      for (ReplayPlace& place : places) {
        if (place.room == event.stream) place.sent = event.version;
      }
      all.push_back(event);
    }
    EXPECT_TRUE(sum <= bytes || step.size() == 1) << sum;
  }
}

TEST(Missed, MergesRoomsInTheOrderOfCommits) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Scene scene;
    std::vector<RoomRow> rooms;
    for (int i = 0; i < 6; ++i) rooms.push_back(scene.Room("room" + std::to_string(i)));
    std::size_t talking = 0;
    for (int i = 0; i < 3'000; ++i) {
      // Turns of one room, short and long.
      if (random() % std::array{2U, 20U, 200U}[seed % 3] == 0) talking = random() % rooms.size();
      scene.Say(rooms[talking].id, 1, std::string(random() % 200, 'a'));
    }
    std::vector<ReplayPlace> places;
    for (std::size_t i = 0; i < 4; ++i) {
      places.push_back({rooms[i].key, random() % (scene.Now(rooms[i]).head + 1)});
    }
    const Position upto = scene.transaction().Head() - random() % 500;

    std::vector<Position> expected;
    for (Position position = 1; position <= upto; ++position) {
      const auto event = scene.transaction().ReadAt(position);
      for (const ReplayPlace& place : places) {
        if (event && event->stream == place.room && event->version > place.sent) expected.push_back(position);
      }
    }
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{3'000}, std::size_t{100'000'000}}) {
      std::vector<Position> got;
      for (const StoredEvent& event : InSteps(scene, places, upto, bytes)) got.push_back(event.position);
      ASSERT_EQ(got, expected) << bytes;
    }
  }
}

TEST(Missed, OfNoRoomIsNothing) {
  Scene scene;
  EXPECT_TRUE(scene.reader().Missed({}, 100, 100).empty());
  const RoomRow room = scene.Room("room");
  EXPECT_TRUE(scene.reader().Missed({{room.key, 1}}, 100, 100).empty());
  EXPECT_TRUE(scene.reader().Missed({{room.key, 0}}, 0, 100).empty());
  EXPECT_EQ(scene.reader().Missed({{room.key, 0}}, 1, 0).size(), 1U);
}

TEST(Missed, ADamagedRowIsNotServed) {
  Scene scene;
  const RoomRow room = scene.Room("room");
  scene.Say("room", 1);
  scene.database().Execute("UPDATE events SET data = 'other' WHERE version = 2");
  EXPECT_THROW(scene.reader().Missed({{room.key, 0}}, 100, 1'000), SqliteFailure);
}

}  // namespace
}  // namespace tidings::sqlite
