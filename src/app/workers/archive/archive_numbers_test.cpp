#include "archive/archive_numbers.hpp"

#include <gmock/gmock.h>

#include <memory>

#include <tidings/testing/temp_folder.hpp>

#include "archive/archive_kind.hpp"
#include "testing/job_rig.hpp"

namespace tidings::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ArchiveNumbersTest : public ::testing::Test {
 protected:
  ArchiveNumbersTest() {
    rig_.Open(folder_.File("lane.db"), kind_);
    job_ = rig_.MakeJob();
  }
  void Event(const std::string& type, const std::string& room, std::uint64_t seq) {
    auto event = messaging::Message::WithId(room + std::to_string(seq), type, R"({"_id":"m","data":{"_id":"m"}})");
    event.key = room;
    event.headers.Set("seq", std::to_string(seq));
    event.headers.Set("cloudEvents:time", "2026-11-26T10:00:00.000Z");
    rig_.Handle(*job_, event);
  }
  std::vector<std::string> Holes() {
    std::vector<std::string> texts;
    for (const ArchiveHole& hole : ArchiveNumbers(rig_.database()).Holes()) {
      texts.push_back(hole.room + " " + std::to_string(hole.first) + "-" + std::to_string(hole.last));
    }
    return texts;
  }

  TempFolder folder_;
  ArchiveKind kind_{ArchiveOptions()};
  JobRig rig_;
  std::unique_ptr<LaneJob> job_;
};

TEST_F(ArchiveNumbersTest, EventsThatMakeNoLineLeaveNoHole) {
  Event("message.created", "r", 17);
  Event("member.joined", "r", 18);
  Event("message.updated", "r", 19);
  Event("room.updated", "s", 3);
  EXPECT_THAT(Holes(), IsEmpty());
}

TEST_F(ArchiveNumbersTest, WhatDoesNotComeIsAHoleUntilItComes) {
  Event("message.created", "a", 1);
  Event("message.created", "r", 17);
  Event("message.created", "r", 19);
  Event("member.left", "r", 24);
  EXPECT_THAT(Holes(), ElementsAre("r 18-18", "r 20-23"));
  Event("message.created", "r", 22);
  EXPECT_THAT(Holes(), ElementsAre("r 18-18", "r 20-21", "r 23-23"));
  Event("message.created", "r", 18);
  Event("message.created", "r", 23);
  Event("message.created", "r", 23);
  Event("message.created", "r", 21);
  EXPECT_THAT(Holes(), ElementsAre("r 20-20"));
  Event("message.created", "r", 15);
  EXPECT_THAT(Holes(), ElementsAre("r 16-16", "r 20-20"));
}

}  // namespace
}  // namespace tidings::app
