#include <tidings/app/archive.hpp>

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include <tidings/testing/temp_folder.hpp>

#include "archive/archive_file.hpp"
#include "archive/archive_kind.hpp"
#include "folder.hpp"
#include "testing/job_rig.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kOneDay = "2026-11-26";

class ArchiveCommandsTest : public ::testing::Test {
 protected:
  ArchiveCommandsTest() {
    const auto folder = WorkerFolder(folder_.path(), "archive");
    EXPECT_TRUE(MakeFolder(folder));
    rig_.Open(folder / "lane-0.db", kind_);
    job_ = rig_.MakeJob();
    config_.data = folder_.path();
  }
  static ArchiveOptions Options(const std::string& data) {
    ArchiveOptions options;
    options.data = data;
    options.gather = std::chrono::milliseconds(0);
    return options;
  }
  // Into the lane's file.
  void Event(const std::string& room, std::uint64_t seq, const std::string& type = "message.created") {
    const std::string id = room + std::to_string(seq);
    auto event = messaging::Message::WithId(id, type, R"({"_id":")" + id + R"(","data":{"_id":")" + id + R"("}})");
    event.key = room;
    event.headers.Set("seq", std::to_string(seq));
    event.headers.Set("cloudEvents:time", std::string(kOneDay) + "T10:00:00.000Z");
    rig_.Handle(*job_, event);
  }
  // All that is in the lane's file into those of the rooms.
  void Gather() {
    const auto job = rig_.MakeJob();
    job->Begin();
    rig_.Until([&] { return rig_.database().Number("SELECT count(*) FROM lines") == 0; });
    rig_.Run([](LaneJob& running) -> Task<void> { co_await running.End(std::chrono::seconds(10)); }(*job));
  }
  Status Cat(const std::string& room = "", const std::string& day = "") {
    out_.str("");
    err_.str("");
    return CatArchive(config_, room, day, out_, err_);
  }
  Status Verify() {
    out_.str("");
    return VerifyArchive(config_, out_);
  }

  TempFolder folder_;
  ArchiveKind kind_{Options(folder_.path())};
  JobRig rig_;
  std::unique_ptr<LaneJob> job_;
  Config config_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ArchiveCommandsTest, WhereThereIsNoArchiveItIsSaid) {
  ASSERT_TRUE(Verify()) << "one that was just begun";
  EXPECT_EQ(out_.str(), "0 files, 0 lines, of which 0 are in no file yet; 0 findings\n");
  ASSERT_TRUE(Cat());
  std::filesystem::create_directory(folder_.File("empty"));
  for (const char* name : {"none", "empty"}) {
    config_.data = folder_.File(name);
    for (const Status& refused : {Verify(), Cat()}) {
      ASSERT_FALSE(refused) << name;
      EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
      EXPECT_THAT(refused.error().message(), HasSubstr("there is no archive in " + config_.data));
    }
    EXPECT_EQ(out_.str(), "");
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.File("none")));
}

TEST_F(ArchiveCommandsTest, OfARoomOrDayThatItDoesNotHaveCatSaysSo) {
  Event("r", 1);
  ASSERT_TRUE(Cat("r", kOneDay));
  EXPECT_THAT(out_.str(), HasSubstr("\"seq\":1"));
  const Status room = Cat("nosuch");
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().message(), "the archive has no line of the room nosuch");
  const Status day = Cat("", "2026-11-27");
  ASSERT_FALSE(day);
  EXPECT_EQ(day.error().message(), "the archive has no line of 2026-11-27");
}

TEST_F(ArchiveCommandsTest, ADamagedFileHoldsUpNoOther) {
  for (const char* room : {"a", "b", "c"}) Event(room, 1);
  Gather();
  const auto file = ArchiveFile(folder_.path(), "b", kOneDay);
  std::string bytes = **ReadFile(file);
  bytes[bytes.size() - 10] ^= 1;
  ASSERT_TRUE(ReplaceFile(file, bytes));
  Event("b", 2);

  const Status cat = Cat();
  ASSERT_FALSE(cat);
  EXPECT_THAT(cat.error().message(), HasSubstr("1"));
  EXPECT_THAT(out_.str(), AllOf(HasSubstr(R"("id":"a1")"), HasSubstr(R"("id":"b2")"), HasSubstr(R"("id":"c1")")));
  EXPECT_THAT(out_.str(), Not(HasSubstr(R"("id":"b1")")));
  EXPECT_THAT(err_.str(), HasSubstr(file.string()));
  EXPECT_EQ(std::ranges::count(err_.str(), '\n'), 1);

  EXPECT_FALSE(Verify());
  EXPECT_THAT(out_.str(), HasSubstr("b/2026-11-26: " + file.string()));
  EXPECT_THAT(out_.str(), HasSubstr("2 files, 3 lines, of which 1 are in no file yet; 1 findings\n"));
}

TEST_F(ArchiveCommandsTest, VerifyFindsNumbersThatAreMissing) {
  Event("r", 17);
  Event("r", 19);
  Event("r", 20, "member.joined");
  Event("r", 21);
  Gather();
  EXPECT_FALSE(Verify());
  EXPECT_EQ(out_.str(), "r: the event 18 is missing\n1 files, 3 lines, of which 0 are in no file yet; 1 findings\n");
  Event("r", 25, "room.updated");
  EXPECT_FALSE(Verify());
  EXPECT_THAT(out_.str(), HasSubstr("r: the events 22 to 24 are missing\n"));
  for (const std::uint64_t late : {18, 22, 23, 24}) Event("r", late);
  EXPECT_TRUE(Verify()) << out_.str();
}

TEST_F(ArchiveCommandsTest, ALaneThatCannotBeReadHoldsUpNoOther) {
  Event("r", 1);
  ASSERT_TRUE(
      ReplaceFile(WorkerFolder(folder_.path(), "archive") / "lane-1.db", "no database, but long enough to be one"));
  EXPECT_FALSE(Cat());
  EXPECT_THAT(out_.str(), HasSubstr("\"seq\":1"));
  EXPECT_THAT(err_.str(), HasSubstr("lane-1.db"));
  EXPECT_FALSE(Verify());
  EXPECT_THAT(out_.str(), HasSubstr("lane-1.db: "));
  EXPECT_THAT(out_.str(), HasSubstr("0 files, 1 lines, of which 1 are in no file yet; 1 findings\n"));
}

}  // namespace
}  // namespace tidings::app
