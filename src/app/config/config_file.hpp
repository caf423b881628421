// The config file, TOML.
#pragma once

#include <string>
#include <vector>

#include <tidings/base/error.hpp>

#include "value.hpp"

namespace tidings::app {

struct FileEntry {
  std::string key;    // "limits.text"
  std::string where;  // "tidings.toml:12"
  Written written;
};

// Every value of the file in its order. kInvalid, naming file and line: it cannot be read, is no TOML, or holds what no
// setting can be (a date, an array of arrays).
Result<std::vector<FileEntry>> ReadConfigFile(const std::string& path);

}  // namespace tidings::app
