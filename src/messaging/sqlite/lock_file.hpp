// LockFile: what processes that share the file tell each other by locks of the operating system, which end with their holder.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::messaging::embedded {

// Open file description locks (fcntl(2)) on single bytes of one file: for writing, and one for each owner that lives.
// They tell two transports of one process apart as they do two processes. One thread.
class LockFile {
 public:
  static Result<LockFile> Open(const std::string& path);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

  // Spans every transaction that writes and every checkpoint. Those who come first go first. False: it could not be had
  // within `most`.
  bool LockWriting(std::chrono::milliseconds most);
  void UnlockWriting();

  // Holds the owner's byte until this file is closed. False: somebody else does.
  bool HoldOwner(std::int64_t owner);
  void LeaveOwner(std::int64_t owner);
  // Whether somebody else's open file holds it.
  bool OwnerLives(std::int64_t owner) const;

 private:
  explicit LockFile(int file) : file_(file) {}
  bool Lock(std::int64_t byte) const;
  void Unlock(std::int64_t byte) const;

  int file_;
};

}  // namespace tidings::messaging::embedded
