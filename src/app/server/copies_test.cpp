#include <tidings/app/copies.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

namespace tidings::app {
namespace {

namespace fs = std::filesystem;

class CopiesTest : public testing::Test {
 protected:
  CopiesTest() {
    log::SetLevel(log::Level::kOff);
    fs::create_directories(folder_);
  }
  ~CopiesTest() override {
    fs::remove_all(folder_);
    log::SetLevel(log::Level::kInfo);
  }
  std::string Make() {
    const std::string copy = NameOfCopy(folder_);
    fs::create_directories(copy);
    for (const char* file : {"tidings.db", "tidings.lock"}) std::ofstream(copy + "/" + file) << "x";
    return copy;
  }
  const std::string folder_ = testing::TempDir() + "/copies_" + RandomToken(8);
};

TEST_F(CopiesTest, LostOnesAreRemovedAndNothingElse) {
  const std::string lost = Make();
  const std::string held = Make();
  const std::string other = folder_ + "/copy-of-mine";
  fs::create_directories(other);
  const int lock = open((held + "/tidings.lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  RemoveLostCopies(folder_, std::chrono::minutes(1));
  EXPECT_TRUE(fs::exists(lost)) << "it may have been made just now";
  RemoveLostCopies(folder_, std::chrono::seconds(0));
  EXPECT_FALSE(fs::exists(lost));
  EXPECT_TRUE(fs::exists(held));
  EXPECT_TRUE(fs::exists(other));
  close(lock);
}

TEST_F(CopiesTest, ASignalTakesTheCopyAlong) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU}) {
    const std::string copy = Make();
    EXPECT_EXIT(
        {
          RemoveCopyOnSignal(copy);
          raise(signal);
        },
        testing::ExitedWithCode(128 + signal), "");
    EXPECT_FALSE(fs::exists(copy)) << signal;
  }
}

}  // namespace
}  // namespace tidings::app
