// log::Thread: lines of the log are written by a thread of their own, so that whoever reads standard error and stops
// reading holds up nobody. For a process that serves; without one, each line is written at once.
//
//   const log::Thread thread;
//   if (const Status served = Serve(); !served) log::LastWords("tidings: " + served.error().message());
#pragma once

#include <cstdint>
#include <string>

namespace tidings::log {

// At most 1 MiB waits; lines beyond it are dropped and counted, and a line "log_lines_dropped" says how many once
// writing goes on. REQUIRES: the process forks no child that logs.
class Thread {
 public:
  Thread();
  // What waits is written, for at most a second; lines after it are written at once, or dropped if the thread is stuck.
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
};

// Lines of this process that were not written. Thread-safe.
std::uint64_t Dropped();

// Writes a line as it is, behind all that waits, and returns once it is written: with a Thread, after a second at the
// latest. For what is said before the process ends. Thread-safe.
void LastWords(const std::string& line);

}  // namespace tidings::log
