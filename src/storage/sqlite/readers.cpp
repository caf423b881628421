#include <tidings/storage/sqlite/readers.hpp>

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <tidings/base/log.hpp>
#include <tidings/base/store_failure.hpp>

namespace tidings::sqlite {

namespace {

// One connection and its read transactions.
class Connection {
 public:
  Connection(const std::string& path, const std::string& vfs, const Readers::Options& options)
      : database_(path, Database::Mode::kReader, vfs) {
    database_.Execute("PRAGMA cache_size=-" + std::to_string(options.cache_kib));
    database_.Execute("PRAGMA mmap_size=" + std::to_string(options.mmap_bytes));
    begin_.emplace(database_, "BEGIN");
    commit_.emplace(database_, "COMMIT");
  }

  template <class Work>
  void Run(Work& work) {
    begin_->Execute();
    try {
      work(database_);
    } catch (...) {
      database_.Rollback();
      throw;
    }
    // SQLite ends it by itself where it has no memory for a statement; who ran that has heard of it.
    if (database_.InTransaction()) commit_->Execute();
  }

 private:
  Database database_;
  std::optional<Statement> begin_;
  std::optional<Statement> commit_;
};

}  // namespace

class Readers::State {
 public:
  State(const std::string& path, const std::string& vfs, const Options& options) : queue_most(options.queue) {
    for (int i = 0; i < options.callers; ++i) free.push_back(std::make_unique<Connection>(path, vfs, options));
    callers = free.size();
    std::vector<std::unique_ptr<Connection>> owned;
    owned.reserve(static_cast<std::size_t>(std::max(options.threads, 0)));
    for (int i = 0; i < options.threads; ++i) owned.push_back(std::make_unique<Connection>(path, vfs, options));
    for (auto& connection : owned) {
      threads.emplace_back([this, own = std::move(connection)] { Loop(*own); });
      pthread_setname_np(threads.back().native_handle(), "tidings-reader");
    }
  }

  void Loop(Connection& connection) {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return closing || !queue.empty(); });
      if (closing) return;
      Work work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      try {
        connection.Run(work);
      } catch (const StoreFailure& failure) {
        log::Err("read_failed", {{"reason", failure.error().message()}});
      } catch (const std::exception& failure) {
        log::Err("read_failed", {{"reason", failure.what()}});
      }
      work = nullptr;
      lock.lock();
    }
  }

  const std::size_t queue_most;
  std::size_t callers = 0;
  mutable std::mutex mutex;
  std::condition_variable changed;                // for the threads
  std::condition_variable freed;                  // for callers
  std::deque<Work> queue;
  std::vector<std::unique_ptr<Connection>> free;  // for callers, the last used first
  bool closing = false;
  std::vector<std::thread> threads;
};

Readers::Readers(const std::string& path, const std::string& vfs, const Options& options)
    : state_(std::make_unique<State>(path, vfs, options)) {}

Readers::~Readers() { Close(); }

bool Readers::Read(Work work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->closing || state_->queue.size() >= state_->queue_most) return false;
  state_->queue.push_back(std::move(work));
  state_->changed.notify_one();
  return true;
}

void Readers::ReadNow(const std::function<void(Database&)>& work) {
  std::unique_lock lock(state_->mutex);
  state_->freed.wait(lock, [this] { return state_->closing || !state_->free.empty(); });
  if (state_->closing) throw StoreFailure(Error(ErrorCode::kUnavailable, "the store is closing"));
  std::unique_ptr<Connection> connection = std::move(state_->free.back());
  state_->free.pop_back();
  lock.unlock();
  const auto give_back = [&] {
    lock.lock();
    state_->free.push_back(std::move(connection));
    state_->freed.notify_all();
  };
  try {
    connection->Run(work);
  } catch (...) {
    give_back();
    throw;
  }
  give_back();
}

void Readers::Close() {
  std::deque<Work> unrun;
  {
    std::unique_lock lock(state_->mutex);
    state_->closing = true;
    unrun.swap(state_->queue);
    state_->changed.notify_all();
    state_->freed.notify_all();
    state_->freed.wait(lock, [this] { return state_->free.size() == state_->callers; });
    state_->callers = 0;
    state_->free.clear();
  }
  for (auto& thread : state_->threads) thread.join();
  state_->threads.clear();
}

std::size_t Readers::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

}  // namespace tidings::sqlite
