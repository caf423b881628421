// BackupJob: a copy of the store, made page by page by the writer between its commits. Changes to pages that are copied
// already go to the copy with the commit, so that it never begins anew and keeps no reader in the log.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/base/sqlite/database.hpp>

struct sqlite3_backup;

namespace tidings::sqlite {

// The copy's file while it is made: `<file>.part`, removed unless it is accepted.
class PartFile {
 public:
  explicit PartFile(std::string file) : file_(std::move(file)), part_(file_ + kEnding) {}
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // Whether one lies there that was not accepted.
  static bool Left(const std::string& file);

  const std::string& path() const { return part_; }
  // Makes it anew, readable for this user alone.
  Status Make();
  // Runs this in it.
  Status Prepare(const std::string& sql);
  // Syncs it, checks that it opens and reads, and gives it its name.
  Status Accept();

 private:
  static constexpr char kEnding[] = ".part";
  const std::string file_;
  const std::string part_;
};

class BackupJob {
 public:
  // Ends with an error if it gets no further for as long as `patience`.
  BackupJob(std::string file, std::chrono::milliseconds patience) : file_(std::move(file)), patience_(patience) {}
  ~BackupJob();
  BackupJob(const BackupJob&) = delete;
  BackupJob& operator=(const BackupJob&) = delete;

  enum class Next { kAtOnce, kLater, kEnd };
  // On the writer's thread: copies up to `pages` pages. kLater if another program holds the copy.
  Next Step(Database& source, int pages);
  // On the writer's thread: gives up.
  void Abandon(const std::string& why);
  // On another thread: waits for the end, or until the writer has not got further for long.
  Status Wait(const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

 private:
  bool Ended();
  void End(Status outcome);
  void Release();

  const std::string file_;
  const std::chrono::milliseconds patience_;
  std::unique_ptr<Database> copy_;
  sqlite3_backup* backup_ = nullptr;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t done_ = 0;
  std::uint64_t all_ = 0;
  std::optional<Status> outcome_;
};

}  // namespace tidings::sqlite
