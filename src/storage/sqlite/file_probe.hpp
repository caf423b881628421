// A look at a database file before SQLite sees it: reads the file and its write-ahead log, touches nothing.
#pragma once

#include <cstdint>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::sqlite {

class FileProbe {
 public:
  enum class Kind {
    kEmpty,      // no file, or nothing in it
    kUnsettled,  // an interrupted creation, which SQLite undoes when it opens the file
    kDatabase,
  };

  // Errors: not a database, damaged, or truncated (pages are in neither file).
  static Result<FileProbe> Look(const std::string& path);

  Kind kind = Kind::kEmpty;
  // As of the last commit, be it in the file or in the log. REQUIRES: kDatabase.
  std::uint32_t application_id = 0;
  std::uint32_t user_version = 0;
  std::uint32_t pages = 0;
  std::uint32_t log_pages = 0;  // of them, those in the log
};

}  // namespace tidings::sqlite
