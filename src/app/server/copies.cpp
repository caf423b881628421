#include <tidings/app/copies.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

namespace tidings::app {

namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "copy-";
constexpr std::size_t kTokenLength = 12;
constexpr const char* kFiles[] = {"tidings.db",      "tidings.db-wal", "tidings.db-shm", "tidings.db-journal",
                                  "tidings.db.part", "tidings.lock",   "token.secret"};
// Those that end a command from outside: a reader of its output that leaves, and a limit of the shell too.
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU};

// Whole paths, made before the signal comes: its handler may do little more than unlink.
struct Doomed {
  std::array<std::string, std::size(kFiles)> files;
  std::string folder;
};
Doomed doomed;
volatile std::sig_atomic_t is_doomed = 0;

void OnSignal(int signal) {
  if (is_doomed != 0) {
    for (const std::string& file : doomed.files) unlink(file.c_str());
    rmdir(doomed.folder.c_str());
  }
  _exit(128 + signal);
}

// Whether a server is writing the copy, or a command is reading it.
bool Held(const fs::path& copy) {
  const int lock = open((copy / "tidings.lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0) return errno != ENOENT;
  const bool held = flock(lock, LOCK_EX | LOCK_NB) != 0;
  close(lock);
  return held;
}

}  // namespace

std::string NameOfCopy(const std::string& data) {
  return fs::absolute(data).lexically_normal().string() + "/" + kPrefix + RandomToken(kTokenLength);
}

void RemoveCopy(const std::string& copy) {
  std::error_code ignored;
  fs::remove_all(copy, ignored);
}

void RemoveCopyOnSignal(const std::string& copy) {
  is_doomed = 0;
  if (copy.empty()) return;
  for (std::size_t i = 0; i < doomed.files.size(); ++i) doomed.files[i] = copy + "/" + kFiles[i];
  doomed.folder = copy;
  is_doomed = 1;
  for (const int signal : kSignals) std::signal(signal, OnSignal);
}

void RemoveLostCopies(const std::string& data, std::chrono::seconds age) {
  std::error_code error;
  for (fs::directory_iterator entry(data, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path path = entry->path();
    const std::string name = path.filename().string();
    if (!name.starts_with(kPrefix) || name.size() != std::strlen(kPrefix) + kTokenLength) continue;
    struct stat found{};
    if (lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) continue;
    if (std::time(nullptr) - found.st_mtime < age.count() || Held(path)) continue;
    log::Warning("lost_copy_removed", {{"folder", path.string()}});
    RemoveCopy(path.string());
  }
}

}  // namespace tidings::app
