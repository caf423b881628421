// ScratchTables: tables to derive a second time from a store's log, in a file that is gone afterwards.
//
//   ScratchTables scratch(folder, store_path);
//   for each event of scratch.ReadAll(…): let the projection write scratch.tables()
//   for (const std::string& finding : scratch.Compare()) …
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/tables.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/storage/chat/compare_tables.hpp>

namespace tidings::sqlite {

// Sees the store as it was when this was made, however long it lives, since all happens in one read transaction beside
// the store's writer, which goes on. Meanwhile the store's write-ahead log cannot be emptied: of a busy store, look at
// a backup instead. Users are the store's own; they and sessions cannot be written. One thread at a time.
class ScratchTables {
 public:
  // `folder` has room for the derived tables, about as much as the store's own. `store` is the path of the store's
  // database file. Throws SqliteFailure.
  ScratchTables(const std::string& folder, const std::string& store);
  ~ScratchTables();

  chat::Tables& tables();

  // The store's log. Throws what a damaged row gives.
  std::vector<eventing::StoredEvent> ReadAll(chat::Position after, std::size_t limit);
  std::optional<eventing::StoredEvent> Read(chat::RoomKey room, chat::Seq seq);
  chat::Position Head();
  // The name of the stream; empty if there is none.
  std::string RoomId(chat::RoomKey room);

  // What the store keeps against what was derived, and the rest against its bounds.
  std::vector<std::string> Compare(const CompareProgress& progress = {});

  Database& database() { return database_; }

 private:
  Database database_;
};

}  // namespace tidings::sqlite
