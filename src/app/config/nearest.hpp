// Names that were probably meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tidings::app {

struct Nearest {
  std::string name;
  std::size_t distance = 0;  // insertions, deletions, replacements and swaps of neighbours
};

// REQUIRES: names is not empty.
Nearest FindNearest(std::string_view name, std::span<const std::string> names);

}  // namespace tidings::app
