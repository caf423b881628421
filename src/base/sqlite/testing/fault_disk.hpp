// FaultDisk: what a crash or a failing disk leaves of files, for tests. It stands behind a VFS of SQLite (FaultVfs),
// which does everything on real files; these are the contents that programs see. What would survive is kept beside it:
//
//   a write or truncation survives a crash once its file was synced; of the others a random subset survives, in any
//   order, the last perhaps torn; a name made or removed survives once its folder was synced, else perhaps
//
// Every operation that changes something is counted; a crash or a failure comes at a given number.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tidings::sqlite::testing {

class FaultDisk {
 public:
  enum class Kind { kWrite, kTruncate, kSync, kMake, kDelete, kSyncFolder };
  enum class Fate {
    kFine,
    kFull,   // no room
    kError,  // an I/O error
    kDead,   // the machine crashed, now or before
  };

  // What lies behind a name, also after the name went elsewhere.
  class Contents;

  explicit FaultDisk(std::uint64_t seed) : random_(seed) {}

  // The machine crashes at the operation with this number, counted from 0; it may still happen, wholly or in part.
  void CrashAt(std::uint64_t operation);
  // The operation with this number fails; with `lasting` all of its kind do from then on, until Heal.
  void FailAt(std::uint64_t operation, Fate how, bool lasting);
  // Files may not grow past this many bytes in all.
  void SetRoom(std::uint64_t bytes);
  void Heal();

  std::uint64_t operations() const;
  bool crashed() const;
  // Whether a failure was given out.
  bool failed() const;
  // Threads that changed files whose name ends so, since the start or ForgetWho.
  std::set<std::thread::id> ChangedBy(std::string_view ending) const;
  void ForgetWho();

  // After a crash, with everything closed: gives the real files what survived, and removes shared memory.
  void Survive();

  // After Survive: counts from 0 again, as after a start.
  void StartAgain();

  // For the VFS. Each tells what shall become of the operation.
  std::shared_ptr<Contents> Open(const std::string& path, bool existed);
  Fate Make(const std::string& path);
  Fate Write(Contents& contents, const std::string& path, std::uint64_t at, std::string_view bytes);
  Fate Truncate(Contents& contents, const std::string& path, std::uint64_t size);
  // `with_folder`: the sync covers the folder as well.
  Fate Sync(Contents& contents, const std::string& path, bool with_folder);
  Fate Delete(const std::string& path, bool sync_folder);
  // For SqliteEventStore::Options::sync_folder: 0 or an errno value.
  int SyncFolder();

 private:
  // What a name leads to, now and after a crash.
  class Name {
   public:
    std::shared_ptr<Contents> now;
    std::shared_ptr<Contents> synced;
  };

  Fate Next(Kind kind, const std::string& path);
  std::string After(const Contents& contents);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<std::string, Name> names_;
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> crash_at_;
  bool crashed_ = false;
  std::optional<std::uint64_t> fail_at_;
  Fate failure_ = Fate::kFine;
  bool lasting_ = false;
  std::optional<Kind> failing_;
  bool failed_ = false;
  std::optional<std::uint64_t> room_;
  std::map<std::string, std::set<std::thread::id>> changed_by_;
};

class FaultDisk::Contents {
 public:
  class Change {
   public:
    std::uint64_t at = 0;  // or the new size
    std::string bytes;
    bool truncates = false;
  };
  std::string synced;
  std::vector<Change> pending;  // since the last sync, in order
  std::uint64_t size = 0;       // as programs see it
};

}  // namespace tidings::sqlite::testing
