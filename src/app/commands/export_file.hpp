// ExportFile: the file that an export is written to, or standard output.
#pragma once

#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::app {

// A file is written beside its place (mode 0600, since hashes of passwords are in it) and takes it when it is whole.
class ExportFile {
 public:
  // kConflict if there is such a file already and something in it; it may be replaced by one that is whole if `replace` says so.
  static Status Free(const std::string& file, bool replace);
  // "-" is `out`.
  static Result<ExportFile> Make(const std::string& file, std::ostream& out);
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ~ExportFile();

  Status Write(std::string_view line);
  // Syncs it, and puts it in its place.
  Status Finish();

 private:
  ExportFile(std::string file, std::FILE* handle, std::ostream& out)
      : file_(std::move(file)), handle_(handle), out_(out) {}
  std::string PartName() const { return file_ + ".part"; }
  std::unexpected<Error> Failed() const;

  std::string file_;
  std::FILE* handle_;  // null for `out`
  std::ostream& out_;
};

}  // namespace tidings::app
