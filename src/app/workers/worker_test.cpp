#include <tidings/app/worker.hpp>

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

using ::testing::HasSubstr;

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    // Nobody listens there: what is not refused before would wait for it.
    config_.amqp.url = "amqp://127.0.0.1:1";
    config_.push.url = "http://127.0.0.1:1/";
  }
  // Nothing: it may begin there.
  std::string Refusal(std::string_view name, const std::filesystem::path& data) {
    config_.data = data.string();
    const Status fits = CheckWorkerFolder(name, config_);
    if (fits) return "";
    EXPECT_EQ(fits.error().code(), ErrorCode::kNotFound);
    EXPECT_THAT(fits.error().message(), HasSubstr(data.string()));
    std::ostringstream out;
    const Status run = RunWorker(name, config_, out);
    EXPECT_FALSE(run);
    if (!run) EXPECT_EQ(run.error().message(), fits.error().message());
    return fits.error().message();
  }
  static void Touch(const std::filesystem::path& file) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "4\n";
  }

  TempFolder folder_;
  const std::filesystem::path root_ = folder_.path();
  Config config_;
};

TEST_F(WorkerTest, AFolderThatIsNotThereIsRefusedAndNotMade) {
  for (const std::string_view name : WorkerNames()) {
    EXPECT_NE(Refusal(name, root_ / "typo"), "") << name;
    EXPECT_FALSE(std::filesystem::exists(root_ / "typo")) << name;
  }
  EXPECT_THAT(Refusal("webhook", root_ / "typo"), HasSubstr("there is no store in"));
  EXPECT_THAT(Refusal("archive", root_ / "typo"), HasSubstr("make it first"));
}

TEST_F(WorkerTest, OnlyTheArchiveMayBeginBesideNoStore) {
  for (const std::string_view name : {"webhook", "push", "analytics"}) {
    EXPECT_THAT(Refusal(name, root_), HasSubstr("there is no store in")) << name;
  }
  EXPECT_EQ(Refusal("archive", root_), "");
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(WorkerTest, AServersFolderAndOneWhereItHasWorkedWillDo) {
  Touch(root_ / "served" / "tidings.db");
  for (const std::string_view name : WorkerNames()) {
    EXPECT_EQ(Refusal(name, root_ / "served"), "") << name;
    Touch(root_ / "own" / "workers" / name / "lanes");
    EXPECT_EQ(Refusal(name, root_ / "own"), "") << name;
  }
  Touch(root_ / "others" / "workers" / "archive" / "lanes");
  EXPECT_NE(Refusal("webhook", root_ / "others"), "");
}

}  // namespace
}  // namespace tidings::app
