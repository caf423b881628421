// What consumers leave behind: which messages they have handled, and what handling them did, in one transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tidings/app/prove.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/message.hpp>
#include <tidings/messaging/sqlite/inbox.hpp>

namespace tidings::app {

// A queue's, written by consumers without a router. Throws SqliteFailure.
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

// The same by the library's inbox, on its own connection.
Result<std::unique_ptr<messaging::SqliteInbox>> OpenEffects(messaging::Executor executor, const std::string& file);
messaging::SqliteUnit::Effect WriteEffect(const messaging::Message& message);
messaging::SqliteUnit::Effect WriteRepeats(std::uint64_t count);

// Of all messages of its queue.
std::uint64_t NumberOf(const messaging::Message& message);

std::string EffectsFile(const std::string& folder, std::uint32_t part);
// Different messages that had an effect, those up to `most`. Nothing if it cannot be told just now: the file is being made, or
// is to be mended by who writes next, after a kill.
std::optional<std::uint64_t> CountEffects(const std::string& file, std::uint64_t most);
// Adds what the effects of messages 1 to `accepted` tell.
void Judge(const std::string& file, std::uint64_t accepted, ProveReport& report);

}  // namespace tidings::app
