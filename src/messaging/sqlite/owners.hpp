// Owners: the transports that have the file open, this one among them, and which of them are dead.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

#include "lock_file.hpp"

namespace tidings::messaging::embedded {

// An owner is dead once its lock is free, which the system sees to when its process ends; one that is stopped, and so can
// neither work nor prolong, once it has not said for kLife that it lives. Times are those of the machine's steady clock,
// which all its processes share and no wall clock moves. One thread; the functions that touch tables need a transaction
// that writes, and throw SqliteFailure.
class Owners {
 public:
  static constexpr std::int64_t kLife = 60'000;  // milliseconds
  static constexpr std::int64_t kBeatEvery = 15'000;

  Owners(sqlite::Database& database, LockFile& locks);
  ~Owners();

  // Makes this transport an owner, a new one if it was one before.
  void Register(Millis since);
  std::int64_t id() const { return id_; }
  // False: others took this one for dead, and all that it held.
  bool Registered();
  // Says that this one lives, where it is time to. True if it wrote.
  bool Beat();
  bool BeatDue() const;
  void Leave();

  // The others, as of the last call of Look.
  void Look();
  // Dead ones among those that were looked at. Needs no transaction.
  std::vector<std::int64_t> Dead() const;
  bool alone() const { return others_.empty(); }
  void Remove(std::int64_t owner);

 private:
  class Other {
   public:
    std::int64_t id = 0;
    std::int64_t alive_until = 0;
  };

  LockFile& locks_;
  sqlite::Statement insert_;
  sqlite::Statement registered_;
  sqlite::Statement beat_;
  sqlite::Statement look_;
  sqlite::Statement remove_;
  std::int64_t id_ = 0;
  std::int64_t alive_until_ = 0;
  std::vector<Other> others_;
};

}  // namespace tidings::messaging::embedded
