#include "export_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace tidings::app {

Status ExportFile::Free(const std::string& file, bool replace) {
  if (file == "-" || replace || access(file.c_str(), F_OK) != 0) return {};
  std::error_code unknown;
  if (std::filesystem::file_size(file, unknown) == 0) return {};  // as mktemp makes it
  return Fail(ErrorCode::kConflict, file + " is there already; name another file, or replace it with --force");
}

Result<ExportFile> ExportFile::Make(const std::string& file, std::ostream& out) {
  ExportFile made(file, nullptr, out);
  if (file == "-") return made;
  const std::string part = made.PartName();
  unlink(part.c_str());
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) made.handle_ = fdopen(fd, "w");
  if (made.handle_ == nullptr) return made.Failed();
  return made;
}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : file_(std::move(other.file_)), handle_(std::exchange(other.handle_, nullptr)), out_(other.out_) {}

ExportFile::~ExportFile() {
  if (handle_ == nullptr) return;
  std::fclose(handle_);
  unlink(PartName().c_str());
}

std::unexpected<Error> ExportFile::Failed() const {
  return Fail(ErrorCode::kInternal, "cannot write " + file_ + ": " + std::strerror(errno));
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
  if (std::fflush(handle_) != 0 || fsync(fileno(handle_)) != 0) return Failed();
  if (std::rename(PartName().c_str(), file_.c_str()) != 0) return Failed();
  std::fclose(std::exchange(handle_, nullptr));
  return {};
}

}  // namespace tidings::app
