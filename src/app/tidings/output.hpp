// Output: standard output of a command, which knows whether all of it was taken, and if not, why.
//
//   Output output;                       // std::cout goes through it as long as it lives
//   std::cout << "done\n";
//   if (Status whole = output.Finish(); !whole) …
#pragma once

#include <array>
#include <ostream>
#include <streambuf>

#include <tidings/base/error.hpp>

namespace tidings {

// One at a time, of one thread.
class Output : private std::streambuf {
 public:
  Output();
  ~Output() override;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Writes what is still held. kInternal if something of it was not taken, now or before.
  Status Finish();

 private:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* bytes, std::streamsize size) override;
  int sync() override;
  bool WriteAll(const char* bytes, std::size_t size);

  static constexpr std::size_t kHeld = 64 * 1024;
  std::array<char, kHeld> held_;
  std::streambuf* before_;
  const bool line_by_line_;
  int cause_ = 0;
};

}  // namespace tidings
