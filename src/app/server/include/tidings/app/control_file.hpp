// The file `control` in a data folder: how commands find the server that runs there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::app {

// Who a token of the commands names: it is signed with the folder's secret and has the scope admin.
inline constexpr const char* kControlSubject = "tidings:control";

struct ControlFile {
  std::uint16_t port = 0;  // at 127.0.0.1, plain HTTP
  std::int64_t pid = 0;
};

// Mode 0600; appears whole or not at all.
Status WriteControlFile(const std::string& data, const ControlFile& file);
// Nothing if there is none, or it cannot be read.
std::optional<ControlFile> ReadControlFile(const std::string& data);
void RemoveControlFile(const std::string& data);

}  // namespace tidings::app
