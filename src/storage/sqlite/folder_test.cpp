// The store's folder: who may have it, what is refused with which words.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
}

// Sets or clears the immutable flag, which stops root too. False where the file system has none.
bool Freeze(const std::string& path, bool frozen) {
  const int file = open(path.c_str(), O_RDONLY | O_DIRECTORY);
  long flags = 0;
  bool done = file >= 0 && ioctl(file, FS_IOC_GETFLAGS, &flags) == 0;
  flags = frozen ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  done = done && ioctl(file, FS_IOC_SETFLAGS, &flags) == 0;
  if (file >= 0) close(file);
  return done;
}

TEST(Folder, IsMadeForItsUserAlone) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(store);
  ASSERT_TRUE(Append(*store, "room", "1"));
  EXPECT_EQ(ModeOf(folder.File("store")), 0700U);
  for (const char* name : {"tidings.db", "tidings.db-wal", "tidings.db-shm", "tidings.lock"}) {
    EXPECT_EQ(ModeOf(folder.File("store/") + name), 0600U) << name;
  }
}

TEST(Folder, AnOrderlyCloseLeavesOneFile) {
  const TempFolder folder;
  auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  store.reset();
  const auto files = Files(folder.File("store"));
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files.begin()->first, "tidings.db");
}

TEST(Folder, AModeThatItsOwnerChoseIsKept) {
  const TempFolder folder;
  Opened(In(folder)).reset();
  chmod(folder.File("store/tidings.db").c_str(), 0640);
  Opened(In(folder)).reset();
  EXPECT_EQ(ModeOf(folder.File("store/tidings.db")), 0640U);
}

TEST(Folder, ASecondServerIsRefused) {
  const TempFolder folder;
  auto store = Opened(In(folder));
  ASSERT_TRUE(store);
  const std::string message = Refusal(In(folder));
  EXPECT_TRUE(message.contains("another server (process " + std::to_string(getpid()) + ") runs on")) << message;
  EXPECT_TRUE(message.contains("stop it first")) << message;
  const pid_t child = fork();
  if (child == 0) {
    // Only what a fork of a program with threads may do: no store, its lock alone.
    const int lock = open(folder.File("store/tidings.lock").c_str(), O_RDWR);
    _exit(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "another process got the lock";
  store.reset();
  EXPECT_EQ(Refusal(In(folder)), "");
}

TEST(Folder, AServerThatWasKilledLeavesNoLock) {
  const TempFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    const auto store = Started(In(folder));
    if (!store || !Append(*store, "room", "1")) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto store = Opened(In(folder));
  ASSERT_TRUE(store);
  EXPECT_EQ(store->ReadAll(0, 10)->size(), 1U);
}

TEST(Folder, ThatCannotBeMadeIsRefused) {
  const TempFolder folder;
  Save(folder.File("file"), "x");
  SqliteEventStore::Options options;
  options.folder = folder.File("file");
  EXPECT_TRUE(Refusal(options).contains("is no folder; name a folder")) << Refusal(options);
  options.folder = folder.File("file/below");
  EXPECT_TRUE(Refusal(options).contains("cannot make the folder")) << Refusal(options);
  options.folder = folder.File("missing/below");
  EXPECT_TRUE(Refusal(options).contains("No such file or directory; make it, or name one")) << Refusal(options);
  options.folder = "";
  EXPECT_TRUE(Refusal(options).contains("name one")) << Refusal(options);
}

TEST(Folder, ThatCannotBeWrittenIsRefused) {
  SqliteEventStore::Options options;
  options.folder = "/proc/self";
  EXPECT_TRUE(Refusal(options).contains("cannot write in the folder /proc/self")) << Refusal(options);
}

TEST(Folder, ThatBecameReadOnlyIsRefused) {
  const TempFolder folder;
  Opened(In(folder)).reset();
  std::filesystem::remove(folder.File("store/tidings.lock"));
  if (!Freeze(folder.File("store"), true)) GTEST_SKIP() << "no immutable flag here";
  const std::string message = Refusal(In(folder));
  Freeze(folder.File("store"), false);
  EXPECT_TRUE(message.contains("cannot write in the folder") && message.contains("may write")) << message;
  EXPECT_EQ(Refusal(In(folder)), "");
}

TEST(Folder, MayBearAnyName) {
  const TempFolder folder;
  auto options = In(folder);
  for (const char* name : {"/with space?and#more%41", "/ünï", "/slash/"}) {
    options.folder = folder.path() + name;
    const auto store = Started(options);
    ASSERT_TRUE(store);
    EXPECT_TRUE(Append(*store, "room", "1"));
    EXPECT_TRUE(std::filesystem::exists(options.folder + "/tidings.db"));
  }
}

}  // namespace
}  // namespace tidings::sqlite::testing
