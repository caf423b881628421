#include "log_index.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tidings::sqlite {

namespace {

// https://sqlite.org/walformat.html: 2.2 "The WAL-Index File Format". The first block has fewer frames, for its header.
constexpr int kFramesOfBlock = 4'096;
constexpr int kBytesOfBlock = 32'768;

}  // namespace

Status LogIndex::Reserve(const std::string& database, int pages) {
  const std::string name = database + "-shm";
  file_ = open(name.c_str(), O_RDWR | O_CLOEXEC);
  if (file_ < 0) return {};  // the log is indexed elsewhere
  const auto size = static_cast<off_t>(pages / kFramesOfBlock + 2) * kBytesOfBlock;
  const int cause = posix_fallocate(file_, 0, size);
  if (cause == 0 || cause == EINVAL || cause == EOPNOTSUPP) return {};
  return Fail(cause == ENOSPC ? ErrorCode::kStorageFull : ErrorCode::kInternal,
              "cannot take " + std::to_string(size) + " bytes for " + name + ": " + std::strerror(cause) +
                  "; make room on the disk and start again");
}

void LogIndex::Release() {
  if (file_ >= 0) close(std::exchange(file_, -1));
}

}  // namespace tidings::sqlite
