#include "folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tidings::app {
namespace {

Status Refuse(const std::filesystem::path& path) {
  return Fail(errno == ENOSPC || errno == EDQUOT ? ErrorCode::kStorageFull : ErrorCode::kInternal,
              "cannot write " + path.string() + ": " + std::strerror(errno));
}

// An open file, closed at the end.
class Opened {
 public:
  explicit Opened(int file) : file_(file) {}
  ~Opened() {
    if (file_ >= 0) close(file_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int get() const { return file_; }
  explicit operator bool() const { return file_ >= 0; }

 private:
  int file_;
};

bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Status MakeDurably(const std::filesystem::path& folder) {
  const auto make = [&] { return mkdir(folder.c_str(), 0700) == 0; };
  bool made = make();
  if (!made && errno == ENOENT && folder.has_relative_path()) {
    if (Status above = MakeDurably(folder.parent_path()); !above) return above;
    made = make();
  }
  if (!made && errno == EEXIST) return {};
  if (!made && (errno == EACCES || errno == EROFS || errno == ENOTDIR)) {
    return Fail(ErrorCode::kInvalid, "cannot make " + folder.string() + ": " + std::strerror(errno));
  }
  return made ? SyncFolder(FolderOf(folder)) : Refuse(folder);
}

}  // namespace

std::filesystem::path WorkerFolder(const std::filesystem::path& data, std::string_view worker) {
  return data / "workers" / worker;
}

Status MakeFolder(const std::filesystem::path& folder) { return MakeDurably(folder); }

Result<std::optional<std::string>> ReadFile(const std::filesystem::path& file) {
  const auto failed = [&] {
    return Fail(ErrorCode::kUnavailable, "cannot read " + file.string() + ": " + std::strerror(errno));
  };
  const Opened in(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in && errno == ENOENT) return std::nullopt;
  if (!in) return failed();
  std::string bytes;
  for (;;) {
    constexpr std::size_t kPiece = 64 * 1024;
    const std::size_t before = bytes.size();
    bytes.resize(before + kPiece);
    const ssize_t got = read(in.get(), bytes.data() + before, kPiece);
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (got < 0 && errno != EINTR) return failed();
  }
}

Status SyncFolder(const std::filesystem::path& folder) {
  const Opened opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || fsync(opened.get()) != 0) return Refuse(folder);
  return {};
}

Status ReplaceFile(const std::filesystem::path& file, std::string_view bytes) {
  const std::filesystem::path part = file.string() + ".part";
  {
    const Opened out(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out || !WriteAll(out.get(), bytes) || fsync(out.get()) != 0) return Refuse(part);
  }
  return RenameDurably(part, file);
}

Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return Refuse(to);
  return SyncFolder(to.parent_path());
}

Status AppendAt(const std::filesystem::path& file, std::uint64_t at, std::string_view bytes) {
  const std::filesystem::path folder = file.parent_path();
  if (Status made = MakeDurably(folder); !made) return made;
  std::error_code error;
  const bool fresh = !std::filesystem::exists(file, error);
  {
    const Opened out(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat found{};
    if (out && fstat(out.get(), &found) == 0 && static_cast<std::uint64_t>(found.st_size) < at) {
      return Fail(ErrorCode::kInternal, file.string() + " is shorter than it was: " + std::to_string(found.st_size) +
                                            " bytes of " + std::to_string(at) + "; restore it from a copy");
    }
    if (!out || ftruncate(out.get(), static_cast<off_t>(at)) != 0 ||
        lseek(out.get(), static_cast<off_t>(at), SEEK_SET) < 0 || !WriteAll(out.get(), bytes) ||
        fsync(out.get()) != 0) {
      return Refuse(file);
    }
  }
  return fresh ? SyncFolder(folder) : Status();
}

}  // namespace tidings::app
