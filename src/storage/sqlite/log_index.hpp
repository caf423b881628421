// The room that the index of the write-ahead log (the -shm file) will need, taken ahead of time. SQLite extends the index
// after a commit's frames were written and synced: with a full disk the outcome would be unknown there, and the process
// would have to end instead of refusing.
#pragma once

#include <string>

#include <tidings/base/error.hpp>

namespace tidings::sqlite {

class LogIndex {
 public:
  LogIndex() = default;
  ~LogIndex() { Release(); }
  LogIndex(const LogIndex&) = delete;
  LogIndex& operator=(const LogIndex&) = delete;

  // For a log of so many pages. kStorageFull if there is no room. REQUIRES: a connection has the log of `database` open.
  Status Reserve(const std::string& database, int pages);
  // REQUIRES: no connection of this process has the log open any more, since a process that closes a file loses all its
  // locks on it.
  void Release();

 private:
  int file_ = -1;
};

}  // namespace tidings::sqlite
