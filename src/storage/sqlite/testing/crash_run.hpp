// CrashRun: a workload on a store over a FaultDisk, and what must be there afterwards.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../../../base/sqlite/testing/fault_disk.hpp"
#include "../../../base/sqlite/testing/fault_vfs.hpp"

namespace tidings::sqlite::testing {

class CrashRun {
 public:
  // The disk's randomness and the workload's come from the seed.
  explicit CrashRun(std::uint64_t seed);
  ~CrashRun();

  FaultDisk& disk() { return disk_; }

  // Opens, works, closes, opens again with more tables, works on. Ends early once the store cannot go on.
  void Work();
  // After Work: the machine starts again; what survived is on the files.
  void Restart();
  // After Restart: the machine crashes again while the store is opened, after so many operations, and starts again.
  // False if it was open before that.
  bool CrashWhileOpening(std::uint64_t after);
  // Opens what survived over a sound disk. What is wrong with it, if anything: an acknowledged event that is missing or
  // not as it was, half of a commit, a finding of the integrity check, a store that does not open or take an event.
  std::optional<std::string> Verdict();

  bool fatal() const { return fatal_; }
  int refused_full() const { return refused_full_; }
  // A unit was answered with an error that is none of a full disk.
  const std::string& wrong_answer() const { return wrong_answer_; }

 private:
  class Answers;
  class CountedUnit;
  using Streams = std::map<std::string, std::vector<std::string>>;

  bool Open(bool with_part);
  void Commits(int count);
  void Refused(const Answers& answers);
  SqliteEventStore::Options Options(bool with_part, bool faulty);

  TempFolder folder_;
  FaultDisk disk_;
  std::unique_ptr<FaultVfs> vfs_;
  std::mt19937 random_;
  std::unique_ptr<SqliteEventStore> store_;
  Streams acknowledged_;
  std::optional<Streams> in_flight_;  // as it is if the commit without an answer happened
  std::atomic<bool> fatal_ = false;
  int refused_full_ = 0;
  std::string wrong_answer_;
};

}  // namespace tidings::sqlite::testing
