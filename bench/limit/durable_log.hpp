// Commits messages to SQLite on a thread of its own, as many in one commit as are waiting (group commit). Appending and
// taking are done by the server's thread; `ready_fd` becomes readable when committed messages can be taken.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace tidings::bench {

struct StoredMessage {
  std::uint32_t room = 0;
  std::uint32_t seq = 0;
  std::uint64_t sender = 0;  // the connection's serial
  std::string ack_id;
  std::string room_id;
  std::string text;
};

class DurableLog {
 public:
  // Opens or makes the database (WAL, synchronous=FULL). Ends the process with one line where that fails.
  explicit DurableLog(const std::string& path);
  ~DurableLog();
  DurableLog(const DurableLog&) = delete;
  DurableLog& operator=(const DurableLog&) = delete;

  int ready_fd() const { return ready_fd_; }

  void Append(StoredMessage message);

  // Everything committed since the last call, in the order of Append.
  std::vector<StoredMessage> TakeCommitted();

 private:
  void Run();
  void Commit(const std::vector<StoredMessage>& batch);

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  int ready_fd_ = -1;
  std::mutex mutex_;
  std::condition_variable appended_;
  std::vector<StoredMessage> waiting_;    // under mutex_
  std::vector<StoredMessage> committed_;  // under mutex_
  bool stopping_ = false;                 // under mutex_
  std::thread writer_;
};

}  // namespace tidings::bench
