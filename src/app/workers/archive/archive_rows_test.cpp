#include "archive/archive_rows.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <string>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ArchiveRowsTest : public ::testing::Test {
 protected:
  ArchiveRowsTest() {
    database_.Execute(std::string(kArchiveSchema));
    rows_.emplace(database_);
  }

  void Add(const std::string& id, std::uint64_t seq, const std::string& text, const std::string& quoted = "") {
    ArchiveLine line;
    line.room = "r";
    line.day = "2026-11-26";
    line.seq = seq;
    line.message = id;
    line.quoted = quoted;
    line.text = R"({"seq":)" + std::to_string(seq) + R"(,"data":{"_id":")" + id + R"(","text":")" + text + '"';
    if (!quoted.empty()) line.text += R"(,"reply_to":{"_id":")" + quoted + R"(","text":"secret"})";
    line.text += "}}\n";
    rows_->Add(line, 1);
  }
  std::string Lines() { return rows_->Pending("r", "2026-11-26", 1'000'000).text; }

  TempFolder folder_;
  sqlite::Database database_{folder_.File("lane.db"), sqlite::Database::Mode::kWriter};
  std::optional<ArchiveRows> rows_;
};

TEST_F(ArchiveRowsTest, WhatComesOfADeletedMessageAfterItWasTakenOutDoesNotBringItBack) {
  rows_->Redact("r", "m1", "2026-11-20");
  Add("m1", 2, "secret");
  rows_->Redacted("r", "m1");
  EXPECT_FALSE(rows_->NextRedaction(0)) << "the files are done";
  Add("m1", 3, "secret");
  Add("m2", 4, "an answer", "m1");
  EXPECT_THAT(Lines(), Not(HasSubstr("secret")));
  EXPECT_THAT(Lines(), HasSubstr("an answer"));
  Add("m3", 5, "mine", "m0");
  EXPECT_THAT(Lines(), HasSubstr("secret")) << "of a message that is there";
}

TEST_F(ArchiveRowsTest, ADeletionThatIsReplayedIsDoneAgain) {
  rows_->Redact("r", "m1", "2026-11-20");
  rows_->Redacted("r", "m1");
  rows_->Redact("r", "m1", "2026-11-20");
  const auto next = rows_->NextRedaction(0);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->message, "m1");
  EXPECT_EQ(next->from_day, "2026-11-20");
}

}  // namespace
}  // namespace tidings::app
