// The rows of events, read over one connection: for tables in the same file that look into the log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::sqlite {

// The names of types, by number.
class TypeNames {
 public:
  class Type {
   public:
    std::string name;
    std::uint64_t digest = 0;
  };
  explicit TypeNames(Database& database) : load_(database, "SELECT number, name FROM event_types") {}
  // Null if there is no such type. Valid until the next call.
  const Type* Find(std::uint64_t number);

 private:
  Statement load_;
  std::vector<Type> types_;
};

// Reads over one connection, in its present transaction; each row's checksum is verified (SqliteFailure, kBadRow).
// For Database::Slot.
class EventRows {
 public:
  explicit EventRows(Database& database);

  std::optional<eventing::StreamKey> FindStream(std::string_view stream);
  eventing::Version StreamHead(eventing::StreamKey stream);
  eventing::Position Head();
  std::optional<eventing::StoredEvent> Read(eventing::StreamKey stream, eventing::Version version);
  std::optional<eventing::StoredEvent> ReadAt(eventing::Position position);
  // At most `limit`, and none after those whose data have `bytes` together.
  std::vector<eventing::StoredEvent> ReadStream(eventing::StreamKey stream, eventing::Version from, std::size_t limit,
                                                std::size_t bytes = SIZE_MAX);
  std::vector<eventing::StoredEvent> ReadAll(eventing::Position after, std::size_t limit);
  std::uint32_t salt() const { return salt_; }
  // Whether an imported event bears the id.
  bool HasImported(const Uuid& id);

  // As ReadAll, without stopping at what is wrong: calls `bad` for it and goes on.
  template <class Event, class Bad>
  void Check(eventing::Position after, std::size_t limit, const Event& event, const Bad& bad) {
    for (auto rows = all_.Query(after, limit); rows.Next();) {
      eventing::StoredEvent read;
      if (const std::optional<std::string> wrong = Take(rows, read)) bad(*wrong);
      event(read);
    }
  }

 private:
  // Fills the event; what is wrong with the row, if anything.
  std::optional<std::string> Take(const Rows& rows, eventing::StoredEvent& event);
  eventing::StoredEvent TakeOrThrow(const Rows& rows);

  const std::uint32_t salt_;
  TypeNames types_;
  Statement stream_;
  Statement stream_head_;
  Statement head_;
  Statement one_;
  Statement at_;
  Statement by_stream_;
  Statement all_;
  Statement imported_;
};

// Throws a kBadRow.
[[noreturn]] void ThrowBadRow(const std::string& what);

}  // namespace tidings::sqlite
