// One file inside the binary.
#pragma once

#include <span>
#include <string_view>

namespace tidings::app {

struct Asset {
  std::string_view path;  // that it is served at
  std::string_view content_type;
  std::string_view content;
};

// All of them; embed.cmake writes the table.
std::span<const Asset> Assets();

}  // namespace tidings::app
