#include "limit/durable_log.hpp"

#include <sqlite3.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace tidings::bench {
namespace {

void Require(sqlite3* database, int code, const char* what) {
  if (code == SQLITE_OK || code == SQLITE_DONE) return;
  std::fprintf(stderr, "bench_limit: %s: %s\n", what, sqlite3_errmsg(database));
  std::_Exit(1);
}

}  // namespace

DurableLog::DurableLog(const std::string& path) : ready_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  Require(database_, sqlite3_open(path.c_str(), &database_), "cannot open the database");
  // The rooms begin at 1 in each run, so what an earlier run left goes.
  Require(database_,
          sqlite3_exec(database_,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "DROP TABLE IF EXISTS message;"
                       "CREATE TABLE message(position INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL,"
                       "  sender INTEGER NOT NULL, text TEXT NOT NULL);"
                       "CREATE UNIQUE INDEX message_room_seq ON message(room, seq);",
                       nullptr, nullptr, nullptr),
          "cannot prepare the database");
  Require(database_,
          sqlite3_prepare_v2(database_, "INSERT INTO message(room, seq, sender, text) VALUES(?, ?, ?, ?)", -1, &insert_,
                             nullptr),
          "cannot prepare the insert");
  writer_ = std::thread([this] { Run(); });
}

DurableLog::~DurableLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  appended_.notify_one();
  writer_.join();
  sqlite3_finalize(insert_);
  sqlite3_close(database_);
  close(ready_fd_);
}

void DurableLog::Append(StoredMessage message) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = waiting_.empty();
    waiting_.push_back(std::move(message));
  }
  if (was_empty) appended_.notify_one();
}

std::vector<StoredMessage> DurableLog::TakeCommitted() {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t size = read(ready_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(committed_, {});
}

void DurableLog::Run() {
  while (true) {
    std::vector<StoredMessage> batch;
    {
      std::unique_lock lock(mutex_);
      appended_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    Commit(batch);
    {
      const std::lock_guard lock(mutex_);
      committed_.insert(committed_.end(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t size = write(ready_fd_, &one, sizeof one);
  }
}

void DurableLog::Commit(const std::vector<StoredMessage>& batch) {
  Require(database_, sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), "cannot begin");
  for (const StoredMessage& message : batch) {
    sqlite3_bind_text(insert_, 1, message.room_id.data(), static_cast<int>(message.room_id.size()), SQLITE_STATIC);
    sqlite3_bind_int64(insert_, 2, message.seq);
    sqlite3_bind_int64(insert_, 3, static_cast<sqlite3_int64>(message.sender));
    sqlite3_bind_text(insert_, 4, message.text.data(), static_cast<int>(message.text.size()), SQLITE_STATIC);
    Require(database_, sqlite3_step(insert_), "cannot insert");
    sqlite3_reset(insert_);
  }
  Require(database_, sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr), "cannot commit");
}

}  // namespace tidings::bench
