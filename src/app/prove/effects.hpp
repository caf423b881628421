// Effects: what a consumer leaves behind: which messages it has handled, and what handling them did, in one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tidings/app/prove.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::app {

// A queue's, shared by the processes that consume it. Throws SqliteFailure.
class Effects {
 public:
  explicit Effects(const std::string& file);
  // The effect of a message, if it has not come before.
  void Record(const std::string& id, const std::string& key, std::uint64_t number);

 private:
  sqlite::Database database_;
  sqlite::Statement seen_;
  sqlite::Statement put_;
  sqlite::Statement repeat_;
};

std::string EffectsFile(const std::string& folder, std::uint32_t part);
// Different messages that had an effect, those up to `most`. Nothing if it cannot be told just now: the file is being made, or
// is to be mended by who writes next, after a kill.
std::optional<std::uint64_t> CountEffects(const std::string& file, std::uint64_t most);
// Adds what the effects of messages 1 to `accepted` tell.
void Judge(const std::string& file, std::uint64_t accepted, ProveReport& report);

}  // namespace tidings::app
