#include "progress.hpp"

#include <unistd.h>

#include <iostream>

namespace tidings::app {

namespace {

constexpr std::chrono::milliseconds kBetween{100};

std::string WithCommas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}
Progress::~Progress() { Clear(); }

void Progress::Tell(std::string_view what, std::uint64_t done, std::uint64_t all) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (what == what_ && now - told_ < kBetween) return;
  told_ = now;
  what_ = what;
  std::string line = what_ + ": " + WithCommas(done);
  if (all != 0) line += " of " + WithCommas(all);
  const std::size_t width = line.size();
  if (width < width_) line.append(width_ - width, ' ');
  width_ = width;
  std::cerr << '\r' << line << std::flush;
}

void Progress::Clear() {
  if (width_ == 0) return;
  std::cerr << '\r' << std::string(width_, ' ') << '\r' << std::flush;
  width_ = 0;
}

}  // namespace tidings::app
