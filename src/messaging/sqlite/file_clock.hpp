// FileClock: the one time that all processes on a file share, in which everything in it is dated.
#pragma once

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::messaging::embedded {

// Milliseconds since 1970 as they were when the file was first opened after the machine's start, counted on by the
// machine's steady clock. So a wall clock that is set forward or back ends no lease, delay or time to live early, and
// processes agree on them; after a restart of the machine it begins from the wall clock anew.
class FileClock {
 public:
  explicit FileClock(const Clock& clock) : clock_(clock) {}

  // REQUIRES: a transaction that writes is open. Throws SqliteFailure.
  void Anchor(sqlite::Database& database);
  Millis Now() const { return clock_.Steady() + offset_; }
  // The same moment by the steady clock.
  Millis Steady(Millis at) const { return at - offset_; }
  // For people, in dead letters' headers.
  Millis Wall() const { return clock_.Now(); }

 private:
  const Clock& clock_;
  Millis offset_ = 0;
};

}  // namespace tidings::messaging::embedded
