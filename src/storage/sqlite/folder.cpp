#include "folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

namespace tidings::sqlite {

namespace {

// A worker that looks whether a server is there has the lock for a moment.
constexpr int kTries = 20;
constexpr std::chrono::milliseconds kBetweenTries{5};

std::unexpected<Error> FailWith(const std::string& what, int cause, const std::string& advice) {
  return Fail(ErrorCode::kInternal, what + ": " + std::strerror(cause) + "; " + advice);
}

std::string HolderOf(int lock) {
  char text[32] = {};
  const ssize_t size = pread(lock, text, sizeof text - 1, 0);
  std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "" : " (process " + pid + ")";
}

int SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return errno;
  const int result = fsync(file) == 0 ? 0 : errno;
  close(file);
  return result;
}

}  // namespace

int SyncFolder(const std::string& path) { return SyncPath(path, O_RDONLY | O_DIRECTORY); }
int SyncFile(const std::string& path) { return SyncPath(path, O_RDONLY); }

Status MakeFolder(const std::string& path) {
  if (path.empty()) return Fail(ErrorCode::kInternal, "no folder is named for the store; name one");
  if (mkdir(path.c_str(), 0700) == 0) {
    auto made = std::filesystem::absolute(path).lexically_normal();
    if (!made.has_filename()) made = made.parent_path();  // it ended in a slash
    SyncFolder(made.parent_path().string());
    return {};
  }
  const int cause = errno;
  struct stat found{};
  if (cause == EEXIST && stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    return Fail(ErrorCode::kInternal, path + " is no folder; name a folder for the store");
  }
  return FailWith("cannot make the folder " + path, cause,
                  "make it, or name one whose parent exists and may be written");
}

Result<Folder> Folder::Take(const std::string& path) {
  if (auto made = MakeFolder(path); !made) return std::unexpected(made.error());
  const std::string name = path + "/tidings.lock";
  const int lock = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    return FailWith("cannot write in the folder " + path + " (" + name + ")", errno,
                    "the store needs a folder that this user may write, on a file system that is not read-only");
  }
  Folder folder(path, lock);
  for (int tries = 1; flock(lock, LOCK_EX | LOCK_NB) != 0; ++tries) {
    const int cause = errno;
    if (cause == EWOULDBLOCK && tries < kTries) {
      std::this_thread::sleep_for(kBetweenTries);
      continue;
    }
    if (cause == EWOULDBLOCK) {
      return Fail(ErrorCode::kUnavailable, "another server" + HolderOf(lock) + " runs on the folder " + path +
                                               "; stop it first, or use another folder");
    }
    return FailWith("cannot lock " + name, cause, "the store needs a file system with locks");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock, 0) != 0 || pwrite(lock, pid.data(), pid.size(), 0) < 0) {
    // A full disk: the name is for people only, the lock holds without it.
  }
  return folder;
}

Folder::Folder(Folder&& other) noexcept : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

Folder::~Folder() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace tidings::sqlite
