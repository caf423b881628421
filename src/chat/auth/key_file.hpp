// A file of keys that may change while it is in use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::auth {

// What tells one state of a file from another. Equal stamps: the file was neither written nor replaced.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t size = -1;
  std::int64_t changed = 0;  // nanoseconds
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct KeyFile {
  FileStamp stamp;  // taken before the text was read
  std::string text;
};

// The stamp of a file that is not there has the size -1.
FileStamp StampOf(const std::filesystem::path& file);

// kInvalid with the reason: no such file, no right to read it, more than 1 MiB.
Result<KeyFile> ReadKeyFile(const std::filesystem::path& file);

}  // namespace tidings::auth
