#include "folder.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <tidings/testing/temp_folder.hpp>

namespace {

std::mutex synced_mutex;
std::vector<std::string> synced;

}  // namespace

// In place of the C library's, for the whole of this program: notes what is synced.
extern "C" int fsync(int file) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), error);
  {
    const std::lock_guard lock(synced_mutex);
    synced.push_back(path.string());
  }
  return static_cast<int>(syscall(SYS_fsync, file));
}

namespace tidings::app {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() { Synced(); }
  // Since the last time.
  static std::vector<std::string> Synced() {
    const std::lock_guard lock(synced_mutex);
    return std::exchange(synced, {});
  }

  TempFolder folder_;
  const std::string root_ = std::filesystem::canonical(folder_.path()).string();
};

TEST_F(FolderTest, EachFolderThatIsMadeIsSyncedInTheOneAboveIt) {
  ASSERT_TRUE(MakeFolder(root_ + "/a/b/c"));
  EXPECT_THAT(Synced(), IsSupersetOf({root_, root_ + "/a", root_ + "/a/b"}));
  struct stat found{};
  ASSERT_EQ(stat((root_ + "/a").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);

  ASSERT_TRUE(AppendAt(root_ + "/a/b/d/e/file", 0, "x"));
  EXPECT_THAT(Synced(), IsSupersetOf({root_ + "/a/b", root_ + "/a/b/d", root_ + "/a/b/d/e", root_ + "/a/b/d/e/file"}));
  ASSERT_TRUE(AppendAt(root_ + "/a/b/d/e/file", 1, "y"));
  EXPECT_THAT(Synced(), Not(Contains(root_ + "/a/b/d/e"))) << "nothing was made";
}

TEST_F(FolderTest, AFileThatIsNotThereIsAnotherThingThanOneThatCannotBeRead) {
  const auto none = ReadFile(root_ + "/none");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  ASSERT_TRUE(ReplaceFile(root_ + "/some", "text"));
  EXPECT_EQ(**ReadFile(root_ + "/some"), "text");
  const auto folder = ReadFile(root_);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(ReadFile(root_ + "/some/below"));
}

TEST_F(FolderTest, WhereNoFolderMayBeItIsSaid) {
  ASSERT_TRUE(ReplaceFile(root_ + "/some", "text"));
  const Status made = MakeFolder(root_ + "/some/a/b");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace tidings::app
