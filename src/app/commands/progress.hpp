// Progress: one line on standard error that is written over, where that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::app {

// One thread.
class Progress {
 public:
  Progress();
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // "comparing: 40,000 of 100,000"; with `all` 0 without the end. Cheap enough to be called often.
  void Tell(std::string_view what, std::uint64_t done, std::uint64_t all = 0);
  // Removes what was written.
  void Clear();

 private:
  bool terminal_;
  std::size_t width_ = 0;
  std::string what_;
  std::chrono::steady_clock::time_point told_;
};

}  // namespace tidings::app
