// A crash and a failure at every operation on the disk: effect and record are there both or neither.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include <tidings/testing/temp_folder.hpp>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "../testing/task_runner.hpp"
#include "testing/everywhere.hpp"
#include "testing/ledger_file.hpp"
#include "testing/open_on_disk.hpp"

namespace tidings::messaging::testing {
namespace {

using sqlite::testing::FaultDisk;
using sqlite::testing::FaultVfs;

class InboxRun {
 public:
  explicit InboxRun(std::uint64_t seed) : disk_(seed), vfs_(disk_) {}

  FaultDisk& disk() { return disk_; }
  int refused() const { return refused_; }
  bool fatal() { return !ledger_.fatal().empty(); }

  // Opens, commits units that share transactions, closes, goes on. Ends early once the inbox cannot go on.
  void Work() {
    for (int round = 0; round < 2; ++round) {
      auto opened = Open();
      if (!opened) return;
      const auto inbox = *std::move(opened);
      for (int step = 0; step < 6 && !over_; ++step) {
        const int units = 1 + step % 3;
        int ended = 0;
        for (int unit = 0; unit < units; ++unit) {
          // Long ones take pages of their own.
          std::string word = std::to_string(round) + "." + std::to_string(step) + "." + std::to_string(unit);
          if (step == 2) word += std::string(9'000, 'x');
          runner_.Spawn(Handle(*inbox, std::move(word), ended));
        }
        if (!runner_.Until([&] { return ended == units; })) ADD_FAILURE() << "a commit did not end";
      }
      if (!over_) (void)runner_.Run(inbox->Forget(0));
      if (over_ || fatal() || disk_.crashed()) return;
    }
  }

  // The machine starts again with what survived. What is wrong with it, if anything.
  std::optional<std::string> Verdict() {
    disk_.Survive();
    auto opened = SqliteInbox::Open(runner_.executor(), ledger_.Options());
    if (!opened) return "it does not open: " + opened.error().message();
    const auto words = ledger_.Words();
    const auto records = ledger_.Records();
    const std::set<std::string> there(words.begin(), words.end());
    if (there.size() != words.size()) return "an effect is there twice";
    if (there != std::set<std::string>(records.begin(), records.end())) return "effects and records differ";
    for (const std::string& word : there) {
      if (!begun_.contains(word)) return Short(word) + " is there and was refused";
    }
    for (const std::string& word : committed_) {
      if (!there.contains(word)) return Short(word) + " was committed and is gone";
    }
    int ended = 0;
    over_ = false;
    runner_.Spawn(Handle(**opened, "after", ended));
    if (!runner_.Until([&] { return ended == 1; }) || !committed_.contains("after")) return "it takes no unit";
    opened->reset();
    sqlite::Database database(ledger_.file(), sqlite::Database::Mode::kReader);
    if (const auto sound = database.Value("PRAGMA integrity_check"); sound != "ok") return "the file is damaged";
    return std::nullopt;
  }

 private:
  static std::string Short(const std::string& word) { return word.substr(0, 10); }

  Result<std::unique_ptr<SqliteInbox>> Open() { return OpenOnDisk(runner_, disk_, vfs_, ledger_.Options()); }

  Task<void> Handle(SqliteInbox& inbox, std::string word, int& ended) {
    auto unit = co_await inbox.Begin();
    const auto recorded = co_await (*unit)->Record(word, "consumer", 1'000);
    if (recorded && *recorded == Recorded::kFirst) {
      begun_.insert(word);
      (*unit)->As<SqliteUnit>().OnCommit(LedgerFile::Writes(word));
      const Status outcome = co_await (*unit)->Commit();
      if (outcome) {
        committed_.insert(word);
      } else if (outcome.error().code() == ErrorCode::kInternal) {
        over_ = true;  // unknown
      } else {
        begun_.erase(word);
        if (++refused_ % 3 == 2) disk_.Heal();
      }
    } else {
      over_ = true;
    }
    ++ended;
  }

  TempFolder folder_;
  LedgerFile ledger_{folder_.File("shop.db")};
  TaskRunner runner_;
  FaultDisk disk_;
  FaultVfs vfs_;
  bool over_ = false;
  std::set<std::string> begun_;  // and not refused
  std::set<std::string> committed_;
  int refused_ = 0;
};

// At some operations, and at every one: that takes long.
TEST(SqliteInboxCrash, LeavesEffectAndRecordOrNeither) { CrashEverywhere<InboxRun>(5, 50); }
TEST(SqliteInboxCrashEverywhere, LeavesEffectAndRecordOrNeither) { CrashEverywhere<InboxRun>(1, 50); }

TEST(SqliteInboxFullDisk, OnceAtAWriteRefusesAndRecovers) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kFull, false, 11);
}
TEST(SqliteInboxFullDisk, FromAWriteOnRefusesAndRecovers) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kFull, true, 13);
}
TEST(SqliteInboxFullDiskEverywhere, OnceAtAWriteRefusesAndRecovers) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kFull, false, 1);
}
TEST(SqliteInboxFullDiskEverywhere, FromAWriteOnRefusesAndRecovers) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kFull, true, 1);
}

TEST(SqliteInboxFailingDisk, OnceAtAnOperationAnswersNobodyWrongly) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kError, false, 11);
}
TEST(SqliteInboxFailingDisk, FromAnOperationOnAnswersNobodyWrongly) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kError, true, 13);
}
TEST(SqliteInboxFailingDiskEverywhere, OnceAtAnOperationAnswersNobodyWrongly) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kError, false, 1);
}
TEST(SqliteInboxFailingDiskEverywhere, FromAnOperationOnAnswersNobodyWrongly) {
  FailEverywhere<InboxRun>(FaultDisk::Fate::kError, true, 1);
}

}  // namespace
}  // namespace tidings::messaging::testing
