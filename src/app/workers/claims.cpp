#include "claims.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace tidings::app {
namespace {

constexpr std::size_t kSplitting = 0;
constexpr std::size_t kFirstLane = 1;
constexpr std::size_t kFirstInstance = kFirstLane + Claims::kMostLanes;

struct flock OneByte(short type, std::size_t byte) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

bool Lock(int file, std::size_t byte) {
  auto lock = OneByte(F_WRLCK, byte);
  return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

void Unlock(int file, std::size_t byte) {
  auto lock = OneByte(F_UNLCK, byte);
  fcntl(file, F_OFD_SETLK, &lock);
}

bool Taken(int file, std::size_t byte) {
  auto lock = OneByte(F_WRLCK, byte);
  return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Result<Claims> Claims::Open(const std::filesystem::path& file) {
  const int opened = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (opened < 0) return Fail(ErrorCode::kInvalid, "cannot write " + file.string() + ": " + std::strerror(errno));
  Claims claims(opened);
  while (!Lock(opened, kFirstInstance + claims.place_)) {
    if (errno != EAGAIN && errno != EACCES) {
      return Fail(ErrorCode::kInvalid, "cannot lock " + file.string() + ": " + std::strerror(errno) +
                                           "; the workers need a file system with locks");
    }
    if (++claims.place_ == kMostInstances) {
      return Fail(ErrorCode::kUnavailable, "64 instances of this worker run already");
    }
  }
  return claims;
}

Claims::Claims(Claims&& other) noexcept : file_(std::exchange(other.file_, -1)), place_(other.place_) {}

Claims::~Claims() {
  if (file_ >= 0) close(file_);
}

bool Claims::TakeLane(std::size_t lane) const { return Lock(file_, kFirstLane + lane); }
void Claims::LeaveLane(std::size_t lane) const { Unlock(file_, kFirstLane + lane); }
bool Claims::TakeSplitting() const { return Lock(file_, kSplitting); }
void Claims::LeaveSplitting() const { Unlock(file_, kSplitting); }

std::size_t Claims::Share(std::size_t lanes) const {
  std::size_t before = 0;
  std::size_t all = 1;
  for (std::size_t place = 0; place < kMostInstances; ++place) {
    if (place == place_ || !Taken(file_, kFirstInstance + place)) continue;
    ++all;
    if (place < place_) ++before;
  }
  return lanes / all + (before < lanes % all ? 1 : 0);
}

}  // namespace tidings::app
