// ExportFile: the file that an export is written to, or standard output.
#pragma once

#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::app {

// A file is written beside its place (mode 0600, since hashes of passwords are in it) and takes it when it is whole. Where
// a symbolic link leads to it, the link stays. What is no regular file, as a pipe or a device, is written to as it is.
class ExportFile {
 public:
  // Whether that is `out`: "-", or what the system calls it.
  static bool IsOutput(const std::string& file);
  // kConflict if there is such a file already and something in it; it may be replaced by one that is whole if `replace` says so.
  static Status Free(const std::string& file, bool replace);
  // Of a pipe that nobody reads it waits for a reader.
  static Result<ExportFile> Make(const std::string& file, std::ostream& out);
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ~ExportFile();

  Status Write(std::string_view line);
  // Syncs a file, and puts it in its place.
  Status Finish();

 private:
  ExportFile(std::string file, std::ostream& out) : file_(std::move(file)), out_(out) {}
  std::unexpected<Error> Failed() const;

  std::string file_;             // as it was named
  std::string target_;           // where its links lead
  std::string part_;             // empty if it is written to as it is
  std::FILE* handle_ = nullptr;  // null for `out`
  std::ostream& out_;
};

}  // namespace tidings::app
