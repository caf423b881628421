#include <gtest/gtest.h>

#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "backup_job.hpp"
#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

SqliteEventStore::Options Copy(const TempFolder& folder) {
  SqliteEventStore::Options options;
  options.folder = folder.File("copy");
  return options;
}

TEST(Backup, OfAStoreThatGoesOnIsAStateThatItHad) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_pages = 200;
  const auto store = Started(options);
  ASSERT_TRUE(store);
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(Append(*store, "room", std::string(3'000, 'x')));
  std::atomic<bool> ended{false};
  std::thread sender([&] {
    for (int i = 0; !ended; ++i) ASSERT_TRUE(Append(*store, "room " + std::to_string(i % 7), std::string(700, 'y')));
  });
  const auto before = store->Head();
  std::uint64_t told = 0;
  const Status copied = store->Backup(folder.File("copy"), [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_LE(done, all);
    EXPECT_GE(done, told);
    told = done;
  });
  const auto after = store->Head();
  ended = true;
  sender.join();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_GT(told, 200U);

  struct stat found{};
  ASSERT_EQ(stat(folder.File("copy/tidings.db").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  EXPECT_EQ(Files(folder.File("copy")).size(), 1U);

  const auto copy = Started(Copy(folder));
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->id(), store->id());
  EXPECT_EQ(copy->CheckIntegrity()->size(), 0U);
  EXPECT_GE(copy->Head(), before);
  EXPECT_LE(copy->Head(), after);
  const auto theirs = *copy->ReadAll(0, 100'000);
  const auto ours = *store->ReadAll(0, theirs.size());
  ASSERT_EQ(theirs.size(), copy->Head());
  for (std::size_t i = 0; i < theirs.size(); ++i) EXPECT_EQ(theirs[i].id, ours[i].id);
  EXPECT_TRUE(Append(*copy, "room", "goes on"));
}

TEST(Backup, IntoAFolderThatHasAStoreIsRefused) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  EXPECT_FALSE(store->Backup(folder.File("store")));
  Opened(Copy(folder)).reset();
  const auto before = Files(folder.File("copy"));
  const Status refused = store->Backup(folder.File("copy"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("name an empty folder"), std::string::npos);
  EXPECT_EQ(Files(folder.File("copy")), before);
}

TEST(Backup, ThatCannotBeWrittenLeavesNothingAndTheStoreGoesOn) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  EXPECT_FALSE(store->Backup(folder.File("missing/copy")));
  EXPECT_FALSE(store->Backup("/proc/self"));
  EXPECT_TRUE(Append(*store, "room", "2"));
  EXPECT_TRUE(store->Backup(folder.File("copy")));
}

TEST(Backup, OfAnEmptyStoreIsAnEmptyStore) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(store->Backup(folder.File("copy")));
  EXPECT_EQ(Opened(Copy(folder))->Head(), 0U);
}

TEST(Backup, EndsWithTheStore) {
  const TempFolder folder;
  const auto store = Opened(In(folder));
  EXPECT_FALSE(store->Backup(folder.File("copy"))) << "it was never started";
  store->Start();
  store->Close();
  EXPECT_FALSE(store->Backup(folder.File("copy")));
}

TEST(Backup, GoesOnWhileTheStoresDiskIsFull) {
  const TempFolder folder;
  FaultDisk disk(1);
  const FaultVfs vfs(disk);
  auto options = In(folder);
  options.vfs = vfs.name();
  const auto store = Started(options);
  disk.SetRoom(1'000'000);
  unsigned stored = 0;
  while (stored < 1'000 && Append(*store, "room", std::string(5'000, 'x'))) ++stored;
  ASSERT_FALSE(store->Healthy());
  const Status copied = store->Backup(folder.File("copy"));
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_FALSE(store->Healthy());
  EXPECT_EQ(Opened(Copy(folder))->Head(), stored);
}

TEST(Backup, ThatGetsNoFurtherEnds) {
  const TempFolder folder;
  BackupJob job(folder.File("copy.part"), std::chrono::milliseconds(20));
  const Status copied = job.Wait({});
  ASSERT_FALSE(copied);
  EXPECT_TRUE(copied.error().message().contains("got no further")) << copied.error().message();
  Database source(folder.File("source"), Database::Mode::kWriter);
  EXPECT_EQ(job.Step(source, 1), BackupJob::Next::kEnd) << "nobody waits for it";
  EXPECT_FALSE(std::filesystem::exists(folder.File("copy.part")));
}

TEST(Backup, AnUnfinishedOneIsNoStoreAndIsTakenAgain) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  std::filesystem::create_directory(folder.File("copy"));
  Save(folder.File("copy/tidings.db.part"), "half of a copy");
  const std::string message = Refusal(Copy(folder));
  EXPECT_TRUE(message.contains("unfinished copy") && message.contains("tidings.db.part")) << message;
  EXPECT_FALSE(std::filesystem::exists(folder.File("copy/tidings.db")));
  const Status copied = store->Backup(folder.File("copy"));
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(Opened(Copy(folder))->Head(), 1U);
}

TEST(Backup, IsAbandonedByTheClose) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Append(*store, "room", std::string(200'000, 'x')));
  std::atomic<bool> begun{false};
  Status outcome;
  std::thread copier([&] { outcome = store->Backup(folder.File("copy"), [&](auto, auto) { begun = true; }); });
  while (!begun) std::this_thread::yield();
  store->Close();
  copier.join();
  // It may have been done by then; half a copy never bears the name.
  EXPECT_EQ(outcome.has_value(), std::filesystem::exists(folder.File("copy/tidings.db")));
  EXPECT_FALSE(std::filesystem::exists(folder.File("copy/tidings.db.part")));
}

}  // namespace
}  // namespace tidings::sqlite::testing
