#include "export_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace tidings::app {

namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel follows

// Where symbolic links lead, to something or to nothing.
std::string Followed(const std::string& file) {
  fs::path path(file);
  std::error_code failure;
  for (int links = 0; links < kMostLinks && fs::is_symlink(fs::symlink_status(path, failure)); ++links) {
    const fs::path next = fs::read_symlink(path, failure);
    if (failure) break;
    path = path.parent_path() / next;  // an absolute one stands for itself
  }
  return path.string();
}

}  // namespace

bool ExportFile::IsOutput(const std::string& file) { return file == "-" || file == "/dev/stdout"; }

Status ExportFile::Free(const std::string& file, bool replace) {
  if (IsOutput(file) || replace) return {};
  struct stat found{};
  if (stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  if (found.st_size == 0) return {};  // as mktemp makes it
  return Fail(ErrorCode::kConflict, file + " is there already; name another file, or replace it with --force");
}

Result<ExportFile> ExportFile::Make(const std::string& file, std::ostream& out) {
  ExportFile made(file, out);
  if (IsOutput(file)) return made;
  struct stat found{};
  int fd = -1;
  if (stat(file.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    fd = open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else {
    made.target_ = Followed(file);
    const std::string part = made.target_ + ".part";
    unlink(part.c_str());
    fd = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) made.part_ = part;
  }
  if (fd >= 0) made.handle_ = fdopen(fd, "w");
  if (made.handle_ == nullptr) return made.Failed();
  return made;
}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : file_(std::move(other.file_)),
      target_(std::move(other.target_)),
      part_(std::move(other.part_)),
      handle_(std::exchange(other.handle_, nullptr)),
      out_(other.out_) {}

ExportFile::~ExportFile() {
  if (handle_ == nullptr) return;
  std::fclose(handle_);
  if (!part_.empty()) unlink(part_.c_str());
}

std::unexpected<Error> ExportFile::Failed() const {
  return Fail(ErrorCode::kInternal,
              "cannot write " + (IsOutput(file_) ? "to standard output" : file_) + ": " + std::strerror(errno));
}

Status ExportFile::Write(std::string_view line) {
  if (handle_ == nullptr) {
    out_ << line;
    if (!out_) return Failed();
  } else if (std::fwrite(line.data(), 1, line.size(), handle_) != line.size()) {
    return Failed();
  }
  return {};
}

Status ExportFile::Finish() {
  if (handle_ == nullptr) {
    out_.flush();
    if (!out_) return Failed();
    return {};
  }
  if (std::fflush(handle_) != 0) return Failed();
  if (!part_.empty() && (fsync(fileno(handle_)) != 0 || std::rename(part_.c_str(), target_.c_str()) != 0)) {
    return Failed();
  }
  std::fclose(std::exchange(handle_, nullptr));
  return {};
}

}  // namespace tidings::app
