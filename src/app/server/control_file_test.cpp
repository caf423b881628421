#include <tidings/app/control_file.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <tidings/base/id.hpp>

namespace tidings::app {
namespace {

class ControlFileTest : public testing::Test {
 protected:
  ControlFileTest() { std::filesystem::create_directories(folder_); }
  ~ControlFileTest() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "/control_" + RandomToken(8);
};

TEST_F(ControlFileTest, IsReadAsItWasWritten) {
  EXPECT_FALSE(ReadControlFile(folder_));
  ASSERT_TRUE(WriteControlFile(folder_, {4711, 12}));
  const auto file = ReadControlFile(folder_);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->port, 4711);
  EXPECT_EQ(file->pid, 12);
  ASSERT_TRUE(WriteControlFile(folder_, {4712, 13})) << "over one that a crash left behind";
  EXPECT_EQ(ReadControlFile(folder_)->port, 4712);
}

TEST_F(ControlFileTest, IsItsOwnersAlone) {
  ASSERT_TRUE(WriteControlFile(folder_, {4711, 12}));
  struct stat found{};
  ASSERT_EQ(stat((folder_ + "/control").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/control.part"));
}

TEST_F(ControlFileTest, IsGoneOnceRemoved) {
  ASSERT_TRUE(WriteControlFile(folder_, {4711, 12}));
  RemoveControlFile(folder_);
  EXPECT_FALSE(ReadControlFile(folder_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(ControlFileTest, IsNothingWhereItMakesNoSense) {
  for (const char* text : {"", "x", "{}", "[]", R"({"port":0,"pid":1})", R"({"port":70000,"pid":1})",
                           R"({"port":"80","pid":1})", R"({"port":80})"}) {
    std::ofstream(folder_ + "/control") << text;
    EXPECT_FALSE(ReadControlFile(folder_)) << text;
  }
}

TEST_F(ControlFileTest, SaysWhereItCannotBeWritten) {
  const auto written = WriteControlFile(folder_ + "/none", {1, 1});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message().find("/none/control"), std::string::npos);
}

}  // namespace
}  // namespace tidings::app
