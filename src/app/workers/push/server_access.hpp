// ServerAccess: where the server of a data folder takes commands, and the right to give them. Who can read the folder's secret has
// it; see docs/operations.md.
#pragma once

#include <filesystem>
#include <string>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

class ControlAddress {
 public:
  std::string url;  // http://127.0.0.1:PORT
  std::string token;
};

// kUnavailable: no server runs on the folder.
Result<ControlAddress> ServerAccess(const std::filesystem::path& data, Millis now);

}  // namespace tidings::app
