// Claims: who of a worker's instances has what, by locks of the operating system, which end with their holder however it ends.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include <tidings/base/error.hpp>

namespace tidings::app {

// Open file description locks (fcntl(2)) on single bytes of one file in the worker's folder. One thread.
class Claims {
 public:
  static constexpr std::size_t kMostLanes = 64;
  static constexpr std::size_t kMostInstances = 64;

  // And claims a place among the instances. kUnavailable: there are too many.
  static Result<Claims> Open(const std::filesystem::path& file);
  Claims(Claims&& other) noexcept;
  Claims& operator=(Claims&&) = delete;
  ~Claims();

  // False: somebody else has it. REQUIRES: not ours already.
  bool TakeLane(std::size_t lane) const;
  void LeaveLane(std::size_t lane) const;
  bool TakeSplitting() const;
  void LeaveSplitting() const;
  // How many of so many lanes are this instance's share: equal ones, the odd ones to those who came first. All shares of
  // those who live are all lanes.
  std::size_t Share(std::size_t lanes) const;

 private:
  explicit Claims(int file) : file_(file) {}

  int file_;
  std::size_t place_ = 0;
};

}  // namespace tidings::app
