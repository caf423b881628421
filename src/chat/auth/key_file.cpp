#include "key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tidings::auth {

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

FileStamp ToStamp(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size,
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

std::unexpected<Error> Refuse(std::string reason) { return Fail(ErrorCode::kInvalid, std::move(reason)); }

}  // namespace

FileStamp StampOf(const std::filesystem::path& file) {
  struct stat status{};
  return stat(file.c_str(), &status) == 0 ? ToStamp(status) : FileStamp{};
}

Result<KeyFile> ReadKeyFile(const std::filesystem::path& file) {
  const Descriptor open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (open_file.number() < 0 || fstat(open_file.number(), &status) != 0) return Refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Refuse("is not a regular file");
  KeyFile read{ToStamp(status), {}};
  char buffer[16384];
  for (;;) {
    const ssize_t size = ::read(open_file.number(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Refuse(std::strerror(errno));
    if (size == 0) return read;
    read.text.append(buffer, static_cast<std::size_t>(size));
    if (read.text.size() > kMaxBytes) return Refuse("is larger than 1 MiB");
  }
}

}  // namespace tidings::auth
