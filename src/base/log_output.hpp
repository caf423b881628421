// LogOutput: a descriptor that lines are written to, at once or by a thread. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace tidings::log {

class LogOutput {
 public:
  // At most `most` bytes wait for the thread.
  LogOutput(int descriptor, std::size_t most) : descriptor_(descriptor), most_(most) {}
  // REQUIRES: there is no thread.
  ~LogOutput() = default;
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  // From here on a thread writes. REQUIRES: there is none.
  void Start();
  // Writes what waits and ends the thread. False if it did not come to that in time: it goes on, and may be stopped again.
  bool Stop(std::chrono::milliseconds within);

  // REQUIRES: the line ends in a newline. With a thread it never waits: what does not fit is dropped.
  void Write(std::string_view line);
  // With a thread, waits until all is written. False if that was not so in time.
  bool WriteLast(std::string_view line, std::chrono::milliseconds within);

  // Lines that did not fit or could not be written.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void Run();
  // Returns how many lines could not be written.
  std::uint64_t WriteOut(std::string_view lines) const;

  const int descriptor_;
  const std::size_t most_;
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool behind_ = false;       // a thread writes
  bool ending_ = false;       // and shall end
  bool ended_ = false;        // and has ended
  bool writing_ = false;      // it has taken lines that are not written yet
  std::string waiting_;       // lines for it
  std::uint64_t untold_ = 0;  // dropped, and no line says so yet
  std::thread thread_;
};

}  // namespace tidings::log
