#include "lock_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace tidings::messaging::embedded {
namespace {

constexpr std::int64_t kWriting = 0;
// Whoever holds it is the next to write: without it, one that writes without pause would keep all others out.
constexpr std::int64_t kTurn = 1;
constexpr std::int64_t kFirstOwner = 16;

struct flock OneByte(short type, std::int64_t byte) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

}  // namespace

Result<LockFile> LockFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return Fail(ErrorCode::kInternal, "cannot write " + path + ": " + std::strerror(errno) +
                                          "; the queues need a folder that this user may write, on a file system that "
                                          "is not read-only");
  }
  LockFile locks(file);
  auto probe = OneByte(F_WRLCK, kWriting);
  if (fcntl(file, F_OFD_GETLK, &probe) != 0) {
    return Fail(ErrorCode::kInternal,
                "cannot lock " + path + ": " + std::strerror(errno) + "; the queues need a file system with locks");
  }
  return locks;
}

LockFile::LockFile(LockFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

LockFile::~LockFile() {
  if (file_ >= 0) close(file_);
}

bool LockFile::LockWriting(std::chrono::milliseconds most) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + most;
  auto pause = std::chrono::microseconds(20);
  const auto take = [&](std::int64_t byte) {
    while (!Lock(byte)) {
      if (Clock::now() >= until) return false;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(500));
    }
    return true;
  };
  if (!take(kTurn)) return false;
  const bool taken = take(kWriting);
  Unlock(kTurn);
  return taken;
}

void LockFile::UnlockWriting() { Unlock(kWriting); }

bool LockFile::HoldOwner(std::int64_t owner) { return Lock(kFirstOwner + owner); }
void LockFile::LeaveOwner(std::int64_t owner) { Unlock(kFirstOwner + owner); }

bool LockFile::OwnerLives(std::int64_t owner) const {
  auto lock = OneByte(F_WRLCK, kFirstOwner + owner);
  return fcntl(file_, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

bool LockFile::Lock(std::int64_t byte) const {
  auto lock = OneByte(F_WRLCK, byte);
  return fcntl(file_, F_OFD_SETLK, &lock) == 0;
}

void LockFile::Unlock(std::int64_t byte) const {
  auto lock = OneByte(F_UNLCK, byte);
  fcntl(file_, F_OFD_SETLK, &lock);
}

}  // namespace tidings::messaging::embedded
