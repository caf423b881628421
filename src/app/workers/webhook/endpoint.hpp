// WebhookEndpoint: where a webhook goes, and the file that all of them are kept in.
//
// The server alone writes the file; workers look whether it has changed. What an operator asks for is a state that is told
// here (how often it was resumed, how often replayed), and workers keep how far they have followed: nothing is asked of a
// process that may not be there.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

inline constexpr std::size_t kMostWebhookRooms = 1'000;  // of one endpoint

struct WebhookEndpoint {
  std::string id;
  std::string url;
  std::string description;
  std::vector<std::string> types;  // patterns of event types; empty: all
  std::vector<std::string> rooms;  // empty: all
  std::string secret;              // whsec_…
  std::string previous_secret;     // signs too until `previous_until`
  Millis previous_until = 0;
  bool enabled = true;
  std::uint64_t resumed = 0;  // how often it was enabled
  std::uint64_t replays = 0;  // how often its dead letters were sent again
  Millis created_at = 0;
  Millis updated_at = 0;

  bool Wants(std::string_view type, std::string_view room) const;
};

using WebhookEndpoints = std::vector<WebhookEndpoint>;

// An endpoint's types or rooms as a JSON array.
void AppendTexts(std::string& out, const std::vector<std::string>& texts);

std::filesystem::path WebhookFile(const std::filesystem::path& data);
// None if there is no file. kUnavailable: it cannot be read just now; kInternal: it is damaged.
Result<WebhookEndpoints> ReadWebhooks(const std::filesystem::path& data);
// REQUIRES: one writer at a time.
Status WriteWebhooks(const std::filesystem::path& data, const WebhookEndpoints& endpoints);

// The endpoints as they are now; a look at the file costs one system call. One thread.
class WebhookWatch {
 public:
  explicit WebhookWatch(std::filesystem::path data) : data_(std::move(data)) {}
  // A file that cannot be read leaves what was known, and is logged. Null: it never could be.
  std::shared_ptr<const WebhookEndpoints> Now();
  // Whether Now() found the file and could read it: only then an endpoint that is not in it was removed.
  bool sure() const { return sure_; }

 private:
  class Look {
   public:
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t changed = 0;
    friend bool operator==(const Look&, const Look&) = default;
  };
  // Nothing: there is no file.
  Result<std::optional<Look>> LookAtFile() const;
  void Doubt(const Error& error);

  std::filesystem::path data_;
  std::optional<Look> seen_;  // nothing: there was no file, or it is to be read again
  std::shared_ptr<const WebhookEndpoints> known_;
  bool sure_ = false;
  std::string told_;  // why it could not be read, as it was logged
};

}  // namespace tidings::app
