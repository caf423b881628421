// Worker: the thread that does all work on the file. Jobs that wait together share one commit and one sync; a commit never
// waits for more of them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "desk.hpp"
#include "job.hpp"
#include "queue_file.hpp"

namespace tidings::messaging::embedded {

// What a failure means:
//   no room, busy   jobs are refused, essential ones kept and tried again; the next job that comes is the next probe
//   a defect        the batch is refused
//   I/O, damage     and whatever else fails inside COMMIT: the outcome is unknown and the file cannot be trusted; `fatal` is
//                   called once, and every job from then on ends with kInternal
class Worker {
 public:
  class Options {
   public:
    std::size_t most_waiting = 16'384;
    std::size_t batch = 1'024;
    std::chrono::milliseconds probe_every{200};
    // How often others' commits are looked for while somebody waits.
    std::chrono::milliseconds poll_every{10};
    std::function<void(const std::string&)> fatal;
  };
  // Called on the worker's thread, with what was done and what comes of it.
  using Deliver = std::function<void(Jobs, Outbox)>;

  Worker(std::unique_ptr<QueueFile> file, std::unique_ptr<Desk> desk, Options options, Deliver deliver);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. Null if it was taken; else the job comes back and why.
  std::optional<std::pair<std::unique_ptr<Job>, Error>> Submit(std::unique_ptr<Job> job);
  // Has it look at what time did.
  void Poke();
  // Runs what waits, lets go of everything held and ends the thread. Idempotent.
  void Close();
  // Commits so far. Any thread.
  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void Loop();
  bool Take(Jobs& batch);
  bool SomethingByItself();
  void RunBatch(Jobs batch);
  void Transact(Jobs& batch, bool feed);
  void Failed(const sqlite::SqliteFailure& failure, Jobs batch);
  void RefuseAll(Jobs batch, const Error& error, bool keep_essential);
  void TidyIdle();
  void End(const std::string& what);
  void Finish();

  std::unique_ptr<QueueFile> file_;
  std::unique_ptr<Desk> desk_;
  const Options options_;
  const Deliver deliver_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Jobs queue_;
  bool poked_ = false;
  bool closing_ = false;
  bool waits_ = false;

  // The worker's own.
  Jobs stalled_;
  Clock::time_point next_probe_{};
  Clock::time_point last_job_{};
  Clock::time_point next_look_{};
  std::optional<Error> dead_;

  std::atomic<std::uint64_t> commits_{0};
  std::thread thread_;
};

}  // namespace tidings::messaging::embedded
