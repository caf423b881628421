#include <tidings/net/chat/read_gatherer.hpp>

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidings::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ReadGathererTest : public ::testing::Test {
 protected:
  using Place = ReadGatherer::Place;
  using Read = std::pair<std::string, chat::Seq>;

  static chat::ReadMark Mark(std::string room, chat::Seq seq) {
    return {std::make_shared<const chat::Caller>(), std::move(room), seq, 0, {}};
  }
  static chat::ReadMark Asked(std::string room, chat::Seq seq) {
    chat::ReadMark mark = Mark(std::move(room), seq);
    mark.done = [](const Result<std::string>&) {};
    return mark;
  }
  // Sockets of their own that read the room's first message.
  void ReadOften(std::size_t times, Millis now) {
    for (std::size_t i = 0; i < times; ++i) {
      Place place;
      gatherer_.Add(place, Mark("r", 1), now);
    }
  }

  std::vector<Read> handed_;
  std::vector<std::size_t> units_;
  ReadGatherer gatherer_{[this](std::vector<chat::ReadMark> marks) {
    units_.push_back(marks.size());
    for (const chat::ReadMark& mark : marks) handed_.emplace_back(mark.room, mark.seq);
  }};
};

TEST_F(ReadGathererTest, FewGoWithTheNextTick) {
  Place place;
  gatherer_.Add(place, Mark("r", 1), 0);
  EXPECT_THAT(handed_, IsEmpty());
  gatherer_.OnTick(50);
  EXPECT_THAT(handed_, ElementsAre(Pair("r", 1)));
  gatherer_.OnTick(2'000);
  EXPECT_THAT(handed_, SizeIs(1)) << "nothing is handed over twice";
}

TEST_F(ReadGathererTest, ManyWaitForASecondAtMost) {
  ReadOften(ReadGatherer::kFew + 1, 10);
  gatherer_.OnTick(10 + ReadGatherer::kLongest - 1);
  EXPECT_THAT(handed_, IsEmpty());
  gatherer_.OnTick(10 + ReadGatherer::kLongest);
  EXPECT_THAT(handed_, SizeIs(ReadGatherer::kFew + 1));
}

TEST_F(ReadGathererTest, OfOneSocketInOneRoomTheHighestIsKept) {
  Place place;
  for (const chat::Seq seq : {3, 5, 4}) gatherer_.Add(place, Mark("r", seq), 0);
  gatherer_.OnTick(50);
  EXPECT_THAT(handed_, ElementsAre(Pair("r", 5)));
  gatherer_.Add(place, Mark("r", 6), 50);
  gatherer_.OnTick(100);
  EXPECT_THAT(handed_, ElementsAre(Pair("r", 5), Pair("r", 6)));
}

TEST_F(ReadGathererTest, ThePositionsOfSeveralRoomsAreKeptApart) {
  Place place;
  gatherer_.Add(place, Mark("a", 1), 0);
  gatherer_.Add(place, Mark("b", 2), 0);
  gatherer_.HandOverOf(place);
  EXPECT_THAT(handed_, ElementsAre(Pair("a", 1), Pair("b", 2)));
}

TEST_F(ReadGathererTest, WhatASocketDoesNextComesBehindItsPositionsAlone) {
  ReadOften(100, 0);
  Place place;
  gatherer_.Add(place, Mark("mine", 7), 0);
  gatherer_.HandOverOf(place);
  EXPECT_THAT(handed_, ElementsAre(Pair("mine", 7)));
  gatherer_.HandOverOf(place);
  EXPECT_THAT(handed_, SizeIs(1));
  gatherer_.FlushAll();
  EXPECT_THAT(handed_, SizeIs(101));
}

TEST_F(ReadGathererTest, AnAnswerDoesNotWaitForOthers) {
  ReadOften(100, 0);
  Place place;
  gatherer_.Add(place, Mark("mine", 7), 0);
  gatherer_.Add(place, Asked("mine", 6), 0);
  gatherer_.FlushAsked();
  EXPECT_THAT(handed_, ElementsAre(Pair("mine", 7), Pair("mine", 6))) << "in the socket's order";
}

TEST_F(ReadGathererTest, WhatWaitsIsBoundedInNumberAndUnitsAreInSize) {
  ReadOften(ReadGatherer::kMost, 0);
  EXPECT_THAT(handed_, SizeIs(ReadGatherer::kMost));
  for (const std::size_t unit : units_) EXPECT_LE(unit, ReadGatherer::kAtOnce);
}

}  // namespace
}  // namespace tidings::net
