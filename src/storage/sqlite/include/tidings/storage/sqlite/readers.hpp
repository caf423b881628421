// Readers: connections that can only read, with threads of their own, beside the one writer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::sqlite {

// Thread-safe.
class Readers {
 public:
  // Runs in one read transaction, so that it sees one state of the store. Keep it short (a page of rows): while it
  // runs the write-ahead log cannot be emptied. Statements and caches of one's own belong into database.Slot<T>().
  using Work = std::move_only_function<void(Database&)>;

  class Options {
   public:
    int threads = 2;
    // Connections for reads on the caller's thread.
    int callers = 2;
    // Work that waits, in all.
    std::size_t queue = 4'096;
    int cache_kib = 8'192;
    std::int64_t mmap_bytes = 0;
  };

  // Throws SqliteFailure. REQUIRES: the database exists and its writer is open.
  Readers(const std::string& path, const std::string& vfs, const Options& options);
  // Waits for the work that runs; what waits is dropped unrun.
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // Queues the work for a reader's thread. False, and the work is dropped, if the queue is full or closing.
  // REQUIRES: `work` lets no exception out but a StoreFailure, which is logged; to answer somebody, catch it inside.
  [[nodiscard]] bool Read(Work work);

  // Runs the work on this thread, waiting for a free connection. Throws what the work throws.
  void ReadNow(const std::function<void(Database&)>& work);

  // Ends the threads and closes the connections; ReadNow throws afterwards. Done by the destructor too.
  void Close();

  // Work that waits now.
  std::size_t waiting() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::sqlite
