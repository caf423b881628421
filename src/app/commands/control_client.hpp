// ControlClient: asks the server that runs on a data folder. Blocks; a request is answered within 30 s, or it is kTimeout, and
// the error names the server that does not answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/app/control_file.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

class ControlClient {
 public:
  // The time of a request, and of Find as a whole.
  static constexpr std::chrono::milliseconds kPatience{30'000};

  // Finds the server by the folder's control file. kUnavailable if none is there; a server that is just starting is waited
  // for.
  static Result<ControlClient> Find(const std::string& data, std::chrono::milliseconds patience = kPatience);

  // The `data` of the answer, or the server's error.
  Result<json::object> Get(const std::string& path) { return Ask("GET", path, ""); }
  Result<json::object> Post(const std::string& path, const std::string& body) { return Ask("POST", path, body); }

  // Has the server copy its store; `progress` is called with pages done and in all.
  template <class Tell>
  Status Backup(const std::string& folder, const Tell& tell) {
    auto state = BeginBackup(folder);
    while (state && state->running) {
      tell(state->done, state->all);
      state = WaitForBackup();
    }
    if (!state) return std::unexpected(state.error());
    return {};
  }

 private:
  struct Copying {
    bool running = false;
    std::uint64_t done = 0;
    std::uint64_t all = 0;
  };
  ControlClient(std::string data, const ControlFile& file, std::string token)
      : data_(std::move(data)), file_(file), token_(std::move(token)) {}
  Result<json::object> Ask(std::string_view method, const std::string& path, const std::string& body) {
    return Ask(method, path, body, std::chrono::steady_clock::now() + kPatience);
  }
  Result<json::object> Ask(std::string_view method, const std::string& path, const std::string& body,
                           std::chrono::steady_clock::time_point until);
  Result<Copying> BeginBackup(const std::string& folder);
  Result<Copying> WaitForBackup();
  static Result<Copying> CopyingOf(const Result<json::object>& answer);

  std::string data_;
  ControlFile file_;
  std::string token_;
};

}  // namespace tidings::app
